"""Changes inputs, with some knowledge of what they are: blocks get their checksums anew."""

import random
import re
import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from pytest_recorder.format.layout import (
    BLOCK,
    CHECKSUM,
    EVENTS_HEAD,
    FLAG_DEFLATED,
    MAGIC,
    SEGMENT,
    SPOOL_HEAD_BYTES,
    BlockKind,
)
from pytest_recorder.format.primitives import uv

Mutation: TypeAlias = Callable[[random.Random, bytes, bytes], bytes]

_NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    2**31,
    2**32 - 1,
    2**63,
    2**64 - 1,
)
_WORDS = (
    b"null", b"true", b"-1", b"0", b"1e999", b"1e308", b"18446744073709551616", b'""', b"[]", b"{}",
    b'"\\ud800"', b'"\\u001b[31m"', b"[[[[[[]]]]]]", b"99999999999999999999999999", b"1.5",
)  # fmt: skip


def mutate_bytes(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """Change some bytes, knowing nothing but how numbers are written."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        at = chance.randint(0, len(changed))
        end = min(len(changed), at + chance.choice((1, 1, 2, 4, 8, 32)))
        way = chance.randrange(8)
        if way == 0 and at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
        elif way == 1 and at < len(changed):
            changed[at] = chance.choice((0, 1, 0x3F, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        elif way == 2:
            changed[at:at] = uv(chance.choice(_NUMBERS))
        elif way == 3:
            changed[at : at + 1] = uv(chance.choice(_NUMBERS))
        elif way == 4:
            del changed[at:end]
        elif way == 5:
            changed[at:at] = changed[at:end] * chance.choice((1, 2, 50))
        elif way == 6:
            start = chance.randint(0, len(other))
            changed[at:end] = other[start : start + chance.choice((1, 4, 16, 64, 256))]
        else:
            changed[at:at] = chance.randbytes(chance.choice((1, 2, 4)))
    return bytes(changed)


def mutate_json(chance: random.Random, data: bytes) -> bytes:
    """Put another value in the place of a number, a text or a word."""
    values = list(
        re.finditer(rb'-?\d+(?:\.\d+)?|"(?:[^"\\]|\\.)*"|null|true|false|\[\]|\{\}', data)
    )
    if not values or chance.random() < 0.1:
        return mutate_bytes(chance, data, data)
    for _ in range(chance.choice((1, 1, 2))):
        found = chance.choice(values)
        word = chance.choice((*_WORDS, str(chance.choice(_NUMBERS)).encode()))
        if chance.random() < 0.2:
            word = chance.choice(values).group()
        data = data[: found.start()] + word + data[found.end() :]
        values = [found]
    return data


# Traces.


class Part(NamedTuple):
    """A block with what it holds, not deflated."""

    kind: int
    flags: int
    plain: bytes


def parts_of(data: bytes) -> list[Part]:
    """Give the blocks of a file, as far as there are any."""
    parts: list[Part] = []
    at = len(MAGIC)
    while at + BLOCK.size + CHECKSUM.size <= len(data):
        kind, flags, _, stored, plain = BLOCK.unpack_from(data, at)
        at += BLOCK.size + CHECKSUM.size
        held = data[at : at + stored]
        at += stored
        if flags & FLAG_DEFLATED:
            try:
                held = zlib.decompressobj().decompress(held, min(plain, 1 << 20))
            except zlib.error:
                continue
        parts.append(Part(kind, flags, held))
    return parts


def joined(parts: list[Part]) -> bytes:
    """Give the file of some blocks, with checksums that are right."""
    out = [MAGIC]
    for part in parts:
        stored = zlib.compress(part.plain, 1) if part.flags & FLAG_DEFLATED else part.plain
        head = BLOCK.pack(part.kind & 0xFF, part.flags & 0xFF, 0, len(stored), len(part.plain))
        out += [head, CHECKSUM.pack(zlib.crc32(stored, zlib.crc32(head))), stored]
    return b"".join(out)


def mutate_trace(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """Change what blocks hold, or their order; now and then the file itself."""
    parts = parts_of(data)
    if not parts or chance.random() < 0.03:
        return mutate_bytes(chance, data, other)
    for _ in range(chance.choice((1, 1, 2))):
        at = chance.randrange(len(parts))
        way = chance.randrange(12)
        if way == 0 and len(parts) > 1:
            del parts[at]
        elif way == 1:
            parts.insert(at, chance.choice(parts_of(other) or parts))
        elif way == 2:
            parts[at] = parts[at]._replace(kind=chance.randrange(8))
        elif way == 3:
            parts[at] = parts[at]._replace(flags=parts[at].flags ^ 1)
        else:
            parts[at] = parts[at]._replace(plain=_mutate_plain(chance, parts[at], parts, other))
    return joined(parts)


def _mutate_plain(chance: random.Random, part: Part, parts: list[Part], other: bytes) -> bytes:
    if part.kind in (BlockKind.MANIFEST, BlockKind.INDEX, BlockKind.TRAILER):
        return mutate_json(chance, part.plain)
    if part.kind != BlockKind.EVENTS:
        return mutate_bytes(chance, part.plain, chance.choice(parts).plain)
    head, records = part.plain[: EVENTS_HEAD.size], part.plain[EVENTS_HEAD.size :]
    if chance.random() < 0.1 and len(head) == EVENTS_HEAD.size:
        numbers = list(EVENTS_HEAD.unpack(head))
        numbers[chance.randrange(3)] = chance.choice(_NUMBERS) & 0xFFFFFFFF
        return EVENTS_HEAD.pack(*numbers) + records
    return head + mutate_bytes(chance, records, other)


# Spools.


def mutate_spool(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """Change a header of a segment, or what a segment holds."""
    heads = [at for at in range(SPOOL_HEAD_BYTES, len(data), 4096) if data[at]]
    if not heads or chance.random() < 0.05:
        return mutate_bytes(chance, data, other)
    at = chance.choice(heads)
    changed = bytearray(data)
    if chance.random() < 0.4:
        fields = list(SEGMENT.unpack_from(changed, at))
        sizes = (8, 8, 16, 32, 32, 32, 32, 32, 64, 64)
        which = chance.randrange(len(fields))
        number = chance.choice((*_NUMBERS, fields[which] + 1, fields[which] - 1))
        fields[which] = number & ((1 << sizes[which]) - 1)
        SEGMENT.pack_into(changed, at, *fields)
        return bytes(changed)
    used = struct.unpack_from("<I", changed, at + 8)[0]
    start = at + SEGMENT.size
    held = bytes(changed[start : start + used])
    is_manifest = changed[at] == 1
    new = mutate_json(chance, held) if is_manifest else mutate_bytes(chance, held, other)
    room = 4096 - SEGMENT.size
    if len(new) <= room:
        changed[start : start + len(new)] = new
        struct.pack_into("<I", changed, at + 8, len(new))
    return bytes(changed)
