/* The mixing function of fingerprints and tables: 64 x 64 -> 128 bit multiplication, folded.
 *
 * Two contents with the same fingerprint would hide a change; at 64 bits that takes about 5e9
 * different values of one variable for an even chance.
 */
#ifndef HOT_MIX_H
#define HOT_MIX_H

#include <stdint.h>
#include <string.h>

static inline uint64_t
mix(uint64_t state, uint64_t word)
{
    uint64_t a = state ^ 0x9E3779B97F4A7C15u;
    uint64_t b = word ^ 0xD1B54A32D192ED03u;
#ifdef __SIZEOF_INT128__
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64) ^ state;
#else
    uint64_t low = a * (b | 1);
    low ^= low >> 32;
    low *= 0xFF51AFD7ED558CCDu;
    return low ^ (low >> 29) ^ state;
#endif
}

static inline uint64_t
mix_bytes(uint64_t state, const void *data, size_t size)
{
    const uint8_t *at = data;
    state = mix(state, size);
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        state = mix(state, word);
    }
    if (size > 0) {
        uint64_t word = 0;
        memcpy(&word, at, size);
        state = mix(state, word);
    }
    return state;
}

static inline uint64_t
mix_pointer(const void *pointer)
{
    uint64_t word = (uint64_t)(uintptr_t)pointer >> 4;
    word *= 0x9E3779B97F4A7C15u;
    return word ^ (word >> 32);
}

#endif
