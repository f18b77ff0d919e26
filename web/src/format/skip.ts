// Passes over what the page does not show.
// Written by `just format-table` from the field strings of table.py: walking them in the page
// took twice the time of its whole scan.

import { type Cursor, Malformed, magnitudeSize } from "./bytes";
import { MAX_NESTING } from "./vocabulary";

// Passes over one value; gives the number of secrets in it.
export function skipValue(cursor: Cursor, depth = 0): number {
  if (depth > MAX_NESTING) throw new Malformed("a value is nested too deep");
  const byte = cursor.byte();
  let secrets = 0;
  switch (byte) {
    case 0: // NONE
    case 1: // TRUE
    case 2: // FALSE
      return 0;
    case 3: // INT
    case 19: // REFERENCE
      cursor.uv();
      return 0;
    case 4: // BIG_INT
      cursor.byte();
      cursor.skip(magnitudeSize(cursor));
      return 0;
    case 5: // HUGE_INT
      cursor.byte();
      cursor.uv();
      return 0;
    case 6: // FLOAT
      cursor.skip(8);
      return 0;
    case 7: // COMPLEX
      cursor.skip(8);
      cursor.skip(8);
      return 0;
    case 8: // STR
      cursor.skip(cursor.uv());
      return 0;
    case 9: // STR_CUT
      cursor.uv();
      cursor.skip(cursor.uv());
      return 0;
    case 10: // BYTES
      cursor.skip(cursor.uv());
      return 0;
    case 11: // BYTES_CUT
      cursor.uv();
      cursor.skip(cursor.uv());
      return 0;
    case 12: // SEQUENCE
      cursor.uv();
      cursor.uv();
      cursor.uv();
      cursor.byte();
      for (let left = cursor.count(); left > 0; left--) {
        secrets += skipValue(cursor, depth + 1);
      }
      return secrets;
    case 13: // MAPPING
      cursor.uv();
      cursor.uv();
      cursor.uv();
      cursor.byte();
      for (let left = cursor.count(); left > 0; left--) {
        secrets += skipValue(cursor, depth + 1);
        secrets += skipValue(cursor, depth + 1);
      }
      return secrets;
    case 14: // OBJECT
      cursor.uv();
      cursor.uv();
      cursor.uv();
      cursor.byte();
      for (let left = cursor.count(); left > 0; left--) {
        cursor.uv();
        secrets += skipValue(cursor, depth + 1);
      }
      return secrets;
    case 15: // TEXT
    case 16: // SUBCLASS
      cursor.uv();
      cursor.uv();
      secrets += skipValue(cursor, depth + 1);
      return secrets;
    case 17: // OPAQUE
      cursor.uv();
      cursor.uv();
      cursor.byte();
      return 0;
    case 18: // REDACTED
      cursor.uv();
      return 1;
    default:
      throw new Malformed(`unknown value ${byte}`);
  }
}

// Passes over a record behind its line and its time, where it starts with them;
// gives the number of secrets in its values, the text of an event aside.
export function skipRecord(cursor: Cursor, byte: number): number {
  let secrets = 0;
  switch (byte) {
    case 1: // FRAME
      cursor.uv();
      cursor.uv();
      cursor.uv();
      cursor.uv();
      cursor.uv();
      return 0;
    case 2: // SWITCH
      cursor.uv();
      return 0;
    case 3: // STATE
      for (let left = cursor.count(); left > 0; left--) {
        cursor.uv();
        secrets += skipValue(cursor);
      }
      return secrets;
    case 4: // CALL
      cursor.uv();
      cursor.uv();
      cursor.uv();
      cursor.uv();
      cursor.uv();
      for (let left = cursor.count(); left > 0; left--) {
        cursor.uv();
        secrets += skipValue(cursor);
      }
      return secrets;
    case 5: // LINE
    case 8: // RESUME
      return 0;
    case 6: // RETURN
    case 7: // YIELD
    case 16: // OBJECT
      secrets += skipValue(cursor);
      return secrets;
    case 9: // THROW
    case 10: // RAISE
    case 11: // UNWIND
      cursor.uv();
      cursor.uv();
      skipValue(cursor);
      return 0;
    case 12: // OUTPUT
      cursor.byte();
      skipValue(cursor);
      return 0;
    case 13: // LOG
      cursor.uv();
      cursor.uv();
      skipValue(cursor);
      return 0;
    case 14: // SPAN
      cursor.uv();
      cursor.uv();
      cursor.byte();
      cursor.byte();
      cursor.skip(cursor.uv());
      cursor.skip(cursor.uv());
      return 0;
    case 15: // GAP
      cursor.uv();
      cursor.uv();
      cursor.uv();
      return 0;
    case 17: // ITEMS
      cursor.uv();
      cursor.uv();
      cursor.byte();
      cursor.byte();
      cursor.uv();
      cursor.uv();
      for (let left = cursor.count(); left > 0; left--) {
        secrets += skipValue(cursor);
      }
      return secrets;
    case 18: // ENTRIES
      cursor.uv();
      cursor.uv();
      cursor.byte();
      cursor.byte();
      cursor.uv();
      cursor.uv();
      for (let left = cursor.count(); left > 0; left--) {
        secrets += skipValue(cursor);
        secrets += skipValue(cursor);
      }
      return secrets;
    case 19: // ATTRIBUTES
      cursor.uv();
      cursor.uv();
      cursor.byte();
      cursor.byte();
      cursor.uv();
      cursor.uv();
      for (let left = cursor.count(); left > 0; left--) {
        cursor.uv();
        secrets += skipValue(cursor);
      }
      return secrets;
    case 20: // PLACE
      cursor.uv();
      return 0;
    case 21: // LEVEL
      cursor.uv();
      cursor.byte();
      return 0;
    case 22: // AT_LEVEL
      cursor.byte();
      return 0;
    case 23: // LEVELS
      cursor.uv();
      cursor.uv();
      return 0;
    default:
      throw new Malformed(`unknown record ${byte}`);
  }
}

// Passes over a definition behind its number.
export function skipDefinition(cursor: Cursor, byte: number): number {
  switch (byte) {
    case 1: // NAME
    case 5: // THREAD
      cursor.skip(cursor.uv());
      return 0;
    case 2: // TYPE
      cursor.skip(cursor.uv());
      for (let left = cursor.count(); left > 0; left--) {
        cursor.skip(cursor.uv());
      }
      return 0;
    case 3: // FILE
      cursor.skip(cursor.uv());
      cursor.skip(cursor.uv());
      return 0;
    case 4: // CODE
      cursor.uv();
      cursor.uv();
      cursor.skip(cursor.uv());
      return 0;
    case 6: // POSITION
      cursor.uv();
      cursor.uv();
      cursor.uv();
      cursor.uv();
      return 0;
    default:
      throw new Malformed(`unknown definition ${byte}`);
  }
}
