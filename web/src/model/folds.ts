// Folds what the trace does not hold of a source: one row for each run of lines.

import type { SourceText } from "./blocks";

// The lines of a row; more than one, or one that is a fold, were left out.
export interface SourceRow {
  first: number;
  last: number;
  isFold: boolean;
}

export function rowsOf({ lines, gaps }: SourceText): SourceRow[] {
  const rows: SourceRow[] = [];
  let line = 1;
  const shown = (to: number): void => {
    for (; line <= to; line++) rows.push({ first: line, last: line, isFold: false });
  };
  for (const [first, last] of gaps) {
    shown(first - 1);
    rows.push({ first, last, isFold: true });
    line = last + 1;
  }
  shown(lines.length);
  return rows;
}

// The place of the row with a line, -1 for none.
export function rowOf(rows: readonly SourceRow[], line: number): number {
  let low = 0;
  let high = rows.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const row = rows[middle]!;
    if (line < row.first) high = middle - 1;
    else if (line > row.last) low = middle + 1;
    else return middle;
  }
  return -1;
}
