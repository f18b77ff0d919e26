// Adds search and sorting to the page of a folder of traces; its table is there without.
import "./style.css";

const table = document.querySelector("table")!;
const body = table.tBodies[0]!;
const rows = [...body.rows];
const texts = rows.map((row) => row.textContent!.toLowerCase());

const label = document.createElement("label");
label.textContent = "Search: ";
const field = document.createElement("input");
field.type = "search";
field.placeholder = "words of test, exception, place, outcome";
label.append(field);
const count = document.createElement("p");
count.setAttribute("role", "status");
(table.parentNode as Element).before(label, count);

field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  rows.forEach((row, at) => {
    const fits = words.every((word) => texts[at]!.includes(word));
    row.hidden = !fits;
    shown += fits ? 1 : 0;
  });
  count.textContent = shown === rows.length ? "" : `${shown} of ${rows.length} shown`;
});

const heads = [...table.tHead!.rows[0]!.cells];
heads.forEach((head, column) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  head.replaceChildren(button);
  button.addEventListener("click", () => {
    const isUp = head.getAttribute("aria-sort") !== "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", isUp ? "ascending" : "descending");
    const isNumber = head.className === "number";
    const key = (row: HTMLTableRowElement): string => row.cells[column]!.dataset.value || row.cells[column]!.textContent!;
    const sorted = rows.slice().sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      return isNumber ? Number(x) - Number(y) : x < y ? -1 : x > y ? 1 : 0;
    });
    if (!isUp) sorted.reverse();
    body.append(...sorted);
  });
});
