// Marks the words of Python source, line by line; only for the eye.

export type Token = [kind: "" | "keyword" | "string" | "comment" | "number" | "def", text: string];

const KEYWORDS = new Set(
  ("False None True and as assert async await break class continue def del elif else except finally for from global if import in is "
    + "lambda match nonlocal not or pass raise return try while with yield case self cls").split(" "),
);
const PIECE = /(#.*)|([rRbBfFuU]{0,2}(?:"""|'''))|([rRbBfFuU]{0,2}(?:"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?))|(\b\d[\w.]*)|([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)/g;

export function tokenize(lines: readonly string[]): Token[][] {
  let open: string | null = null;
  return lines.map((line) => {
    const tokens: Token[] = [];
    let at = 0;
    if (open !== null) {
      const end = line.indexOf(open);
      if (end < 0) return [["string", line]];
      at = end + 3;
      tokens.push(["string", line.slice(0, at)]);
      open = null;
    }
    let wasDef = false;
    while (at < line.length) {
      PIECE.lastIndex = at;
      const found = PIECE.exec(line);
      if (found === null) {
        tokens.push(["", line.slice(at)]);
        break;
      }
      if (found.index > at) tokens.push(["", line.slice(at, found.index)]);
      at = found.index + found[0].length;
      if (found[1] !== undefined) tokens.push(["comment", found[1]]);
      else if (found[2] !== undefined) {
        const quote = found[2].slice(-3);
        const end = line.indexOf(quote, at);
        tokens.push(["string", line.slice(found.index, end < 0 ? line.length : end + 3)]);
        if (end < 0) open = quote;
        at = end < 0 ? line.length : end + 3;
      } else if (found[3] !== undefined) tokens.push(["string", found[3]]);
      else if (found[4] !== undefined) tokens.push(["number", found[4]]);
      else {
        const word = found[5]!;
        tokens.push([KEYWORDS.has(word) ? "keyword" : wasDef ? "def" : "", word]);
        wasDef = word === "def" || word === "class";
      }
    }
    return tokens;
  });
}
