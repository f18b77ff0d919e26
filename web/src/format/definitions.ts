// Keeps the tables that number names, types, files, code and threads of one trace.

import { Cursor, Malformed } from "./bytes";
import { skipDefinition } from "./skip";
import { Define } from "./vocabulary";

export interface TypeInfo {
  name: string;
  fields: string[];
}
export interface FileInfo {
  path: string;
  digest: string;
}
export interface CodeInfo {
  id: number;
  file: string;
  firstLine: number;
  name: string;
}

// The piece of source of one instruction; columns count bytes from 0.
export interface Position {
  line: number;
  endLine: number;
  column: number;
  endColumn: number;
}

export class Definitions {
  readonly names = new Map<number, string>();
  readonly types = new Map<number, TypeInfo>();
  readonly files = new Map<number, FileInfo>();
  readonly codes = new Map<number, CodeInfo>();
  readonly threads = new Map<number, string>();
  readonly positions = new Map<number, Position>();

  feed(data: Uint8Array): void {
    const cursor = new Cursor(data);
    while (cursor.at < cursor.end) this.take(cursor);
  }

  private take(cursor: Cursor): void {
    const kind = cursor.byte();
    const number = cursor.uv();
    if (kind === Define.NAME) {
      this.names.set(number, cursor.text());
    } else if (kind === Define.TYPE) {
      const name = cursor.text();
      const fields: string[] = [];
      for (let left = cursor.count(); left > 0; left--) fields.push(cursor.text());
      this.types.set(number, { name, fields });
    } else if (kind === Define.FILE) {
      const path = cursor.text();
      this.files.set(number, { path, digest: hex(cursor.take(cursor.uv())) });
    } else if (kind === Define.CODE) {
      const file = known(this.files, cursor.uv(), "file").path;
      const firstLine = cursor.uv();
      this.codes.set(number, { id: number, file, firstLine, name: cursor.text() });
    } else if (kind === Define.THREAD) {
      this.threads.set(number, cursor.text());
    } else if (kind === Define.POSITION) {
      this.positions.set(number, { line: cursor.uv(), endLine: cursor.uv(), column: cursor.uv(), endColumn: cursor.uv() });
    } else {
      skipDefinition(cursor, kind);
    }
  }
}

export function known<T>(table: Map<number, T>, number: number, what: string): T {
  const found = table.get(number);
  if (found === undefined) throw new Malformed(`${what} ${number} is not defined`);
  return found;
}

export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}
