// Writes numbers and texts as Python does, safe to show: no control character, no lone surrogate and no
// mark that changes the direction of text leaves this module.

export function floatText(number: number): string {
  if (Object.is(number, -0)) return "-0.0";
  const size = Math.abs(number);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    const [digits, exponent] = number.toExponential().split("e") as [string, string];
    const sign = exponent.startsWith("-") ? "-" : "+";
    return `${digits}e${sign}${exponent.replace(/^[+-]/, "").padStart(2, "0")}`;
  }
  const text = String(number);
  return /[.]/.test(text) ? text : `${text}.0`;
}

const UNSAFE = /[^\x20-\x7e\p{L}\p{M}\p{N}\p{P}\p{S}]/u;
const EACH_UNSAFE = new RegExp(UNSAFE.source, "gu");
const NAMED: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

export function safeText(text: string): string {
  return UNSAFE.test(text) ? text.replace(EACH_UNSAFE, escapeOne) : text;
}

// The same for text of several lines, such as output: line ends and tabs stay.
export function safeLines(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(EACH_UNSAFE, (char) => (char === "\n" || char === "\t" ? char : escapeOne(char)));
}

function escapeOne(char: string): string {
  const code = char.codePointAt(0)!;
  if (NAMED[char]) return NAMED[char];
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}

export function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(width - 1, 0))}\u2026`;
}
