"""The contract: the same program gives the same events on every engine, and the right ones."""

import contextlib
import io
import threading
from collections import defaultdict
from collections.abc import Iterator

import pytest

from pytest_recorder import compat
from pytest_recorder.format.vocabulary import LEVELS
from pytest_recorder.testing import FakeClock
from tests.engines.support import (
    COMPARED,
    ENGINES,
    FOLDER,
    PROGRAMS,
    capabilities,
    compared,
    load,
    record,
    run,
    words_of,
)

# Read off the programs by hand. A program, or the functions of it that matter, and its story.
STORIES: dict[str, tuple[tuple[str, ...], str]] = {
    "deep_failure": (
        (),
        """
        call main:25()
        line main:26
        call Order.__init__:2(self=Order(), lines=[(1, 2), (3, 4)])
        line Order.__init__:3
        line Order.__init__:4 {self=Order(lines=[(1, 2), (3, 4)])}
        return Order.__init__:4 -> None {self=Order(lines=[(1, 2), (3, 4)], total=0)}
        line main:27 {order=Order(lines=[(1, 2), (3, 4)], total=0)}
        line main:28
        call check:18(order=Order(lines=[(1, 2), (3, 4)], total=0))
        line check:19
        call sum_up:12(order=Order(lines=[(1, 2), (3, 4)], total=0))
        line sum_up:13
        line sum_up:14 {line=(1, 2)}
        call price:7(line=(1, 2))
        line price:8
        line price:9 {amount=1, cost=2}
        return price:9 -> 2
        line sum_up:13 {order=Order(lines=[(1, 2), (3, 4)], total=2)}
        line sum_up:14 {line=(3, 4)}
        call price:7(line=(3, 4))
        line price:8
        line price:9 {amount=3, cost=4}
        return price:9 -> 12
        line sum_up:13 {order=Order(lines=[(1, 2), (3, 4)], total=14)}
        line sum_up:15
        return sum_up:15 -> 14
        line check:20 {order=Order(lines=[(1, 2), (3, 4)], total=14), total=14}
        line check:21
        raise check:21 AssertionError('total was 14')
        unwind check:21 AssertionError('total was 14')
        line main:29 {order=Order(lines=[(1, 2), (3, 4)], total=14)}
        line main:30 {error=AssertionError(args=('total was 14'))}
        return main:30 -> 'total was 14' del error
        """,
    ),
    "closures": (
        ("make_counter", "step", "shares_parameter", "read", "late", "use"),
        """
        call make_counter:4(start=5)
        line make_counter:5
        line make_counter:7 {count=5}
        line make_counter:12 {step=<function make_counter.<locals>.step>}
        return make_counter:12 -> <function make_counter.<locals>.step>
        call make_counter.<locals>.step:7(by=1)
        line make_counter.<locals>.step:9 {count=5}
        line make_counter.<locals>.step:10 {count=6}
        return make_counter.<locals>.step:10 -> 6
        call make_counter.<locals>.step:7(by=10)
        line make_counter.<locals>.step:9 {count=6}
        line make_counter.<locals>.step:10 {count=16}
        return make_counter.<locals>.step:10 -> 16
        call make_counter.<locals>.step:7(by=1)
        line make_counter.<locals>.step:9 {count=16}
        line make_counter.<locals>.step:10 {count=17}
        return make_counter.<locals>.step:10 -> 17
        call make_counter.<locals>.step:7(by=1)
        line make_counter.<locals>.step:9 {count=17}
        line make_counter.<locals>.step:10 {count=18}
        return make_counter.<locals>.step:10 -> 18
        call make_counter.<locals>.step:7(by=1)
        line make_counter.<locals>.step:9 {count=18}
        line make_counter.<locals>.step:10 {count=19}
        return make_counter.<locals>.step:10 -> 19
        call shares_parameter:15(value=1)
        line shares_parameter:16
        line shares_parameter:19 {read=<function shares_parameter.<locals>.read>}
        line shares_parameter:20 {value=2}
        call shares_parameter.<locals>.read:16()
        line shares_parameter.<locals>.read:17 {value=2}
        return shares_parameter.<locals>.read:17 -> 2
        return shares_parameter:20 -> 2
        call late:23()
        line late:24
        line late:27 {use=<function late.<locals>.use>}
        line late:28 {later='set after the function'}
        call late.<locals>.use:24()
        line late.<locals>.use:25 {later='set after the function'}
        return late.<locals>.use:25 -> 'set after the function'
        line late:29 {found='set after the function'}
        return late:29 -> 'set after the function'
        """,
    ),
    "one_liners": (
        ("add", "drain", "both", "summed"),
        """
        call add:1(a=1, b=2)
        line add:1
        return add:1 -> 3
        call drain:4(x=3)
        line drain:5
        line drain:6 {x=0}
        return drain:6 -> 0
        call both:9(x=1)
        line both:9
        return both:9 -> 4 {x=2, y=4}
        call summed:12(n=3)
        line summed:13
        line summed:14 {total=0}
        line summed:15 {total=3, i=2}
        return summed:15 -> 3
        call add:1(a=1, b=2)
        line add:1
        return add:1 -> 3
        """,
    ),
    "generators": (
        ("catching", "failing", "delegating"),
        """
        call catching:12()
        line catching:13
        line catching:14 {seen=[]}
        line catching:15
        line catching:16
        yield catching:16 -> 0
        resume catching:16
        line catching:14 {seen=['hello']}
        line catching:15
        line catching:16
        yield catching:16 -> 1
        throw catching:16 ValueError('thrown')
        raise catching:16 ValueError('thrown')
        line catching:17
        line catching:18 {error=ValueError(args=('thrown'))}
        line catching:14 {seen=['hello', 'thrown']} del error
        line catching:15
        line catching:16
        yield catching:16 -> 2
        throw catching:16 GeneratorExit('')
        raise catching:16 GeneratorExit('')
        line catching:17
        line catching:19
        line catching:20
        line catching:21 {seen=['hello', 'thrown', 'closed']}
        unwind catching:16 GeneratorExit('')
        call delegating:24()
        line delegating:25
        yield delegating:25 -> 0
        resume delegating:25
        yield delegating:25 -> 1
        resume delegating:25
        line delegating:26 {result='done'}
        yield delegating:26 -> 'done'
        resume delegating:26
        line delegating:27
        return delegating:27 -> 'done'
        call failing:30()
        line failing:31
        yield failing:31 -> 1
        resume failing:31
        line failing:32
        raise failing:32 KeyError("'inside'")
        unwind failing:32 KeyError("'inside'")
        """,
    ),
    "exceptions": (
        ("bare_reraise", "raises_from", "outer_bare", "with_finally", "finally_return"),
        """
        call bare_reraise:9()
        line bare_reraise:10
        line bare_reraise:11
        line bare_reraise:12
        line bare_reraise:13
        unwind bare_reraise:11 ValueError('bad 1')
        call raises_from:16()
        line raises_from:17
        line raises_from:18
        line raises_from:19
        line raises_from:20 {error=ValueError(args=('bad 2'))}
        raise raises_from:20 KeyError("'new'")
        unwind raises_from:20 KeyError("'new'") del error
        call outer_bare:23()
        line outer_bare:24
        line outer_bare:25
        line outer_bare:26
        line outer_bare:27
        line outer_bare:28
        line outer_bare:29
        line outer_bare:30
        line outer_bare:31
        unwind outer_bare:25 ValueError('bad outer')
        call with_finally:34(log=["ValueError('bad 1')", "KeyError('new')", "ValueError('bad outer')"])
        line with_finally:35
        line with_finally:36
        line with_finally:38
        unwind with_finally:36 ValueError('bad 3') {log=["ValueError('bad 1')", "KeyError('new')", "ValueError('bad outer')", 'finally']}
        call finally_return:41()
        line finally_return:42
        line finally_return:43
        line finally_return:45
        return finally_return:45 -> 'swallowed'
        """,
    ),
    "foreign_exceptions": (
        ("by_key", "key", "swallowed_then_new"),
        """
        call by_key:21()
        line by_key:22
        call key:15(item=1)
        line key:16
        line key:18
        return key:18 -> 1
        call key:15(item=2)
        line key:16
        line key:17
        raise key:17 LookupError('no key for 2')
        unwind key:17 LookupError('no key for 2')
        unwind by_key:22 LookupError('no key for 2')
        """,
    ),
    "cleanup": (
        ("drops", "__del__"),
        """
        call drops:10(log=[])
        line drops:11
        line drops:12 {first=Closing(log=[], name='first')}
        call Closing.__del__:6(self=Closing(log=[], name='first'))
        line Closing.__del__:7
        return Closing.__del__:7 -> None {self=Closing(log=['del first'], name='first')}
        line drops:13 {log=['del first'], first=Closing(log=['del first'], name='second')}
        line drops:14 {log=['del first', 'replaced'], first=Closing(log=['del first', 'replaced'], name='second')}
        """,
    ),
    "names": (
        ("deletes", "unbound"),
        """
        call deletes:4(x=1)
        line deletes:5
        line deletes:6 {y=2}
        line deletes:7 del x
        line deletes:8 {z=2}
        line deletes:9 del y
        line deletes:10 {y=2}
        return deletes:10 -> 2
        call unbound:13()
        line unbound:14
        line unbound:15
        raise unbound:15 UnboundLocalError("cannot access local variable 'value' where it is not associated with a value")
        line unbound:16
        line unbound:17
        line unbound:18 {value='now'}
        return unbound:18 -> 'now'
        """,
    ),
    "mutation": (
        ("changes_list", "changes_nested", "swaps_equal"),
        """
        call changes_list:11(numbers=[1, 2, 3])
        line changes_list:12
        line changes_list:13 {alias=[1, 2, 3]}
        line changes_list:14 {numbers=[1, 2, 3, 4], alias=[1, 2, 3, 4]}
        line changes_list:15 {numbers=['first', 2, 3, 4], alias=['first', 2, 3, 4]}
        line changes_list:16 {numbers=['first', 3, 4], alias=['first', 3, 4]}
        return changes_list:16 -> ['first', 3, 4]
        call changes_nested:28()
        line changes_nested:29
        line changes_nested:30 {outer={'inner': {'deep': [0]}}}
        line changes_nested:31 {outer={'inner': {'deep': [1]}}}
        line changes_nested:32 {outer={'inner': {'deep': [1, 2]}}}
        return changes_nested:32 -> {'inner': {'deep': [1, 2]}}
        call swaps_equal:55()
        line swaps_equal:56
        line swaps_equal:57 {value=1}
        line swaps_equal:58 {value=True}
        line swaps_equal:59 {value=1.0}
        line swaps_equal:60 {zero=0.0}
        line swaps_equal:61 {zero=-0.0}
        return swaps_equal:61 -> (1.0, -0.0)
        """,
    ),
    "threads": (
        ("work", "failing"),
        """
        call work:4(number=0, results=[])
        line work:5
        line work:6 {square=0}
        line work:7 {results=[0]}
        return work:7 -> 0
        call work:4(number=1, results=[0])
        line work:5
        line work:6 {square=1}
        line work:7 {results=[0, 1]}
        return work:7 -> 1
        call work:4(number=2, results=[0, 1])
        line work:5
        line work:6 {square=4}
        line work:7 {results=[0, 1, 4]}
        return work:7 -> 4
        call work:4(number=3, results=[0, 1, 4])
        line work:5
        line work:6 {square=9}
        line work:7 {results=[0, 1, 4, 9]}
        return work:7 -> 9
        call failing:10(results=[0, 1, 4, 9])
        line failing:11
        line failing:12
        raise failing:12 ValueError('in a thread')
        line failing:13
        line failing:14 {error=ValueError(args=('in a thread'))}
        return failing:14 -> None {results=[0, 1, 4, 9, 'in a thread']} del error
        """,
    ),
    "outputs": (
        ("prints", "redirects", "__str__"),
        """
        call prints:15()
        line prints:16
        output prints:16 stdout 'hello'
        output prints:16 stdout '-'
        output prints:16 stdout 'world'
        output prints:16 stdout '\\n'
        line prints:17
        output prints:17 stderr 'to stderr'
        output prints:17 stderr '\\n'
        line prints:18
        output prints:18 stdout 'written\\n'
        line prints:19
        output prints:19 stdout 'no newline'
        line prints:20
        output prints:20 stdout '\\n'
        return prints:20 -> None
        call redirects:23()
        line redirects:24
        line redirects:25 {buffer=StringIO()}
        line redirects:26
        output redirects:26 stdout 'into the buffer'
        output redirects:26 stdout '\\n'
        line redirects:25
        line redirects:27
        output redirects:27 stdout 'outside again'
        output redirects:27 stdout '\\n'
        line redirects:28
        return redirects:28 -> 'into the buffer\\n'
        call Loud.__str__:10(self=Loud())
        line Loud.__str__:11
        output Loud.__str__:11 stdout 'printed while being printed'
        output Loud.__str__:11 stdout '\\n'
        line Loud.__str__:12
        return Loud.__str__:12 -> 'loud'
        """,
    ),
}


@pytest.mark.parametrize("program", STORIES)
def test_a_program_gives_the_events_that_reading_it_gives(program: str, engine: str) -> None:
    if program == "cleanup" and not capabilities(engine).reads_locals_undisturbed:
        pytest.skip("reads_locals_undisturbed is False: objects live until the next event")
    functions, story = STORIES[program]
    expected = [line.strip() for line in story.strip().splitlines()]
    ends = tuple(functions)
    told = [
        words_of(event)
        for event in run(program, engine).events
        if not ends or str(event.function).rpartition(".")[2] in ends
    ]
    assert told[: len(expected)] == expected


@pytest.mark.skipif(len(ENGINES) < 2, reason="there is one engine and hot path only")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("program", COMPARED)
def test_all_engines_tell_the_same(program: str, level: str) -> None:
    first, *others = ENGINES
    one = run(program, first, level)
    for engine in others:
        able = capabilities(engine).reads_locals_undisturbed
        if program == "cleanup" and level == "values" and not able:
            # It keeps objects until the next event, so that they end elsewhere.
            continue
        other = run(program, engine, level)
        assert list(map(compared, one.events)) == list(map(compared, other.events))


@pytest.mark.skipif(len(ENGINES) < 2, reason="there is one engine and hot path only")
def test_all_engines_write_the_same_times_under_an_injected_clock() -> None:
    times = [
        [
            event.time_us
            for event in record(
                load("deep_failure").main, engine=engine, clock=FakeClock()
            ).events
        ]
        for engine in ENGINES
    ]
    assert all(others == times[0] for others in times)
    assert [time for time in times[0] if time is not None][:3] == [1, 2, 3]


def one() -> int:
    return 1


def many(rounds: int) -> int:
    return sum(one() for _ in range(rounds))


@pytest.mark.parametrize("level", LEVELS)
def test_times_go_on_from_block_to_block(engine: str, level: str) -> None:
    recorded = record(
        many, 1000, engine=engine, level=level, clock=FakeClock(), max_bytes=1 << 20
    )
    times = [event.time_us for event in recorded.events if event.time_us is not None]
    # Twice for `many`, four times in each round, twice for the generator.
    assert times == list(range(1, 4005))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_trace_is_whole_and_in_order(program: str, engine: str, level: str) -> None:
    recorded = run(program, engine, level)
    assert (recorded.status, recorded.reason) == ("complete", None)
    assert [event.n for event in recorded.events] == list(range(len(recorded.events)))
    assert f"{recorded.manifest.engine}/{recorded.manifest.hot_path}" == engine
    kinds = {event.kind for event in recorded.events}
    assert "call" in kinds
    assert ("line" in kinds) == (level != "calls")
    if level != "values":
        assert not any(event.changes or event.deleted for event in recorded.events)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("program", COMPARED)
def test_frames_begin_go_on_and_end_in_order(program: str, engine: str, level: str) -> None:
    last: dict[int, str] = {}
    running: dict[int, list[int]] = defaultdict(list)
    for event in run(program, engine, level).events:
        frame, thread = event.frame, event.thread
        assert frame is not None
        assert thread is not None
        before = last.get(frame)
        stack = running[thread]
        if event.kind == "call":
            assert before is None
            assert event.parent == (stack[-1] if stack else None)
        elif before is None:
            # A generator into which something is thrown before its first `next` never began.
            assert event.kind == "throw"
        elif before == "yield":
            assert event.kind in ("resume", "throw")
        else:
            assert before not in ("return", "unwind")
        if event.kind in ("call", "resume", "throw"):
            stack.append(frame)
        assert stack[-1] == frame
        if event.kind in ("return", "unwind", "yield"):
            stack.pop()
        last[frame] = event.kind
    ends = {"return", "unwind"}
    if compat.GENERATOR_CLOSE_IS_SILENT:
        ends.add("yield")
    assert set(last.values()) <= ends
    assert not any(running.values())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("level", LEVELS)
def test_a_generator_that_goes_on_in_another_thread_says_so(engine: str, level: str) -> None:
    found: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(4):
            yield number

    def take(source: Iterator[int]) -> None:
        found.append(next(source))

    def main() -> None:
        source = numbers()
        for _ in range(2):
            take(source)
            worker = threading.Thread(target=take, args=(source,), name="worker")
            worker.start()
            worker.join()

    recorded = record(main, engine=engine, level=level, include=[__file__])
    with recorded.trace() as trace:
        names = trace.threads()
    told = [
        (event.kind, names[event.thread])
        for event in recorded.of("numbers")
        if event.thread is not None and event.kind in ("call", "resume", "yield")
    ]
    assert found == [0, 1, 2, 3]
    assert told == [
        ("call", "MainThread"),
        ("yield", "MainThread"),
        ("resume", "worker"),
        ("yield", "worker"),
        ("resume", "MainThread"),
        ("yield", "MainThread"),
        ("resume", "worker"),
        ("yield", "worker"),
    ]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_does_the_same_with_and_without_recording(program: str, engine: str) -> None:
    streams: list[tuple[str, str]] = []
    results: list[str] = []

    def captured(main: object) -> object:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            assert callable(main)
            result = main()
        streams.append((out.getvalue(), err.getvalue()))
        return result

    results.append(repr(captured(load(program).main)))
    for level in LEVELS:
        recorded = record(
            captured, load(program).main, engine=engine, level=level, include=[f"{FOLDER}/*"]
        )
        assert recorded.error is None
        results.append(repr(recorded.result))
    assert len(set(results)) == 1
    assert len(set(streams)) == 1


def test_a_raise_is_told_once_however_many_frames_it_passes(engine: str) -> None:
    for event in run("foreign_exceptions", engine).events:
        if event.kind == "raise":
            assert event.function in {
                "key",
                "Moody.__lt__",
                "encode",
                "from_json",
                "hook",
                "Moody.__getattr__",
                "swallowed_then_new",
                "empty",
                "main.<locals>.<lambda>",  # PEP 479: a RuntimeError is there without a `raise`
                "Once.__next__",
                "with_next_default",
                "built_in",
            }, words_of(event)
    raised = run("foreign_exceptions", engine).of("swallowed_then_new")
    assert [event.kind for event in raised].count("raise") == 5


def test_what_leaves_a_generator_as_stop_iteration_is_told_as_the_runtime_error(
    engine: str,
) -> None:
    unwound = run("foreign_exceptions", engine).of("empty")[-1]
    assert unwound.exception is not None
    assert unwound.exception.type == "RuntimeError"
    assert unwound.exception.message == "generator raised StopIteration"


def test_threads_have_numbers_and_names_of_their_own(engine: str) -> None:
    recorded = run("threads", engine)
    calls = [event for event in recorded.events if event.kind == "call"]
    assert [event.thread for event in calls] == [1, 2, 3, 4, 5, 6]
    assert [event.parent for event in calls] == [None] * 6
    with recorded.trace() as trace:
        names = trace.threads()
    assert [names[number] for number in range(2, 7)] == [
        "worker-0",
        "worker-1",
        "worker-2",
        "worker-3",
        "failing",
    ]


def test_a_generator_keeps_its_frame_number_over_yields(engine: str) -> None:
    events = run("generators", engine).of("catching")
    assert len({event.frame for event in events}) == 1
    assert [event.kind for event in events].count("call") == 1


def test_module_and_class_bodies_show_only_what_they_store(engine: str) -> None:
    recorded = run("importing", engine)
    body = [event for event in recorded.events if event.function == "<module>"]
    shown = {name for event in body for name in event.changes}
    assert shown == {
        "system",
        "CONSTANT",
        "names",
        "index",
        "Record",
        "helper",
        "answer",
        "main",
    } | ({"name"} & shown)
    assert [event.deleted for event in body if event.deleted] == [("index",)]
    record_body = {name for event in recorded.of("Record") for name in event.changes}
    assert record_body == {"field", "items", "method", "Inner"}
