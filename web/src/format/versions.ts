// Keeps what one object held, version by version: whole, or as what differs from the version before. The
// pieces of a version are made when it is shown.

import type { Part, Piece, Value } from "./values";

// What differs from the version before.
export interface Splice {
  first: number;
  gone: number;
  came: Piece[];
}

export interface Version {
  since: number; // the event from which on it holds
  held: Part; // of a container, all but its pieces
  pieces: Piece[] | null; // null where they must be made from the version before
  splice: Splice | null;
  parts: number; // how many there are
  // How it is shown where it is open already, and at the bound on depth.
  cycle: Value | null;
  deepest: Shown | null;
}

// A part as it is shown inside so many others, and from which event up to which one.
export interface Shown {
  value: Value;
  number: number;
  size: number; // parts in it, at all depths
  lowest: number; // level of the outermost object that it refers back to
  from: number;
  until: number;
  holdsOthers: boolean; // so that it can be open around others
  inner: readonly Shown[]; // those in it that hold others
  numbers: Set<number> | null; // all objects in it, at all depths, once somebody has asked
}

// An object of which a block tells.
export class Told {
  readonly versions: Version[] = [];
  readonly shown: Shown[] = []; // what was shown of it last, by depth
  latest = -1; // the version whose pieces were made last
  pieces: readonly Piece[] = [];

  at(n: number): number {
    const { versions } = this;
    let low = 0;
    let high = versions.length - 1;
    if (versions[high]!.since <= n) return high;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (versions[middle]!.since <= n) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  // The pieces of a version. They are kept for the next one; and here and there for good, where that is
  // not more than what the changes between take.
  piecesAt(at: number): readonly Piece[] {
    if (this.latest === at) return this.pieces;
    const { versions } = this;
    let start = at;
    while (versions[start]!.pieces === null && start !== this.latest) start--;
    const base = versions[start]!.pieces ?? this.pieces;
    let pieces = start === at ? base : base.slice();
    let passed = 0;
    for (let next = start + 1; next <= at; next++) {
      pieces = spliced(pieces as Piece[], versions[next]!.splice!);
      passed += 4;
      if (passed < pieces.length + 64) continue;
      versions[next]!.pieces = pieces.slice();
      passed = 0;
    }
    this.latest = at;
    this.pieces = pieces;
    return pieces;
  }
}

function spliced(pieces: Piece[], { first, gone, came }: Splice): Piece[] {
  if (came.length <= 1000) {
    pieces.splice(first, gone, ...came);
    return pieces;
  }
  return [...pieces.slice(0, first), ...came, ...pieces.slice(first + gone)];
}

// Whether its parts are more than can be held.
export const isLost = (version: Version): boolean => version.pieces === null && version.splice === null;
