"""Holds the style and the script of the page of an index; the page works without them."""

STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 1.5rem; background: Canvas; color: CanvasText; }
h1 { font-size: 1.3rem; margin: 0 0 .3rem; }
label { display: inline-block; margin: .6rem 0; }
input { font: inherit; padding: .25rem .5rem; min-width: min(28rem, 90vw); }
div.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem;
  border-bottom: 1px solid #8886; }
th button { font: inherit; font-weight: bold; color: inherit; background: none;
  border: 0; padding: 0; cursor: pointer; }
th[aria-sort=ascending] button::after { content: " \\25B2"; }
th[aria-sort=descending] button::after { content: " \\25BC"; }
:focus-visible { outline: 3px solid Highlight; outline-offset: 2px; }
td.test, td.failure, td.place { overflow-wrap: anywhere; }
td.test, td.place { font-family: ui-monospace, monospace; font-size: .9em; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.bad td.outcome { font-weight: bold; color: light-dark(#a40000, #ff9c9c); }
td a { display: block; white-space: nowrap; }
"""

SCRIPT = """
"use strict";
(function () {
  var table = document.querySelector("table");
  var body = table.tBodies[0];
  var rows = Array.prototype.slice.call(body.rows);
  var texts = rows.map(function (row) { return row.textContent.toLowerCase(); });
  var label = document.createElement("label");
  label.textContent = "Search: ";
  var field = document.createElement("input");
  field.type = "search";
  field.placeholder = "words of test, exception, place, outcome";
  label.appendChild(field);
  var count = document.createElement("p");
  count.setAttribute("role", "status");
  table.parentNode.before(label, count);
  function search() {
    var words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
    var shown = 0;
    rows.forEach(function (row, at) {
      var fits = words.every(function (word) { return texts[at].indexOf(word) >= 0; });
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    count.textContent = shown === rows.length ? "" : shown + " of " + rows.length + " shown";
  }
  field.addEventListener("input", search);
  var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
  heads.forEach(function (head, column) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.appendChild(button);
    button.addEventListener("click", function () {
      var up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      var isNumber = head.className === "number";
      var sorted = rows.slice().sort(function (a, b) {
        var x = a.cells[column].getAttribute("data-value") || a.cells[column].textContent;
        var y = b.cells[column].getAttribute("data-value") || b.cells[column].textContent;
        return isNumber ? Number(x) - Number(y) : x < y ? -1 : x > y ? 1 : 0;
      });
      if (!up) sorted.reverse();
      sorted.forEach(function (row) { body.appendChild(row); });
    });
  });
})();
"""
