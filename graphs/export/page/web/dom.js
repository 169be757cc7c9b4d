// Elements, numbers and words. Text only ever enters the page as text.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

export function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function byId(id) {
  return document.getElementById(id);
}

// A color of the page's style sheet, as it is now: light or dark.
export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// `share` of one color over another, both written as #rrggbb.
export function mixed(above, share, below) {
  const parts = [1, 3, 5].map((start) => {
    const [a, b] = [above, below].map((one) => parseInt(one.slice(start, start + 2), 16));
    return Math.round(b + share * (a - b)).toString(16).padStart(2, "0");
  });
  return `#${parts.join("")}`;
}

export function signed(value, digits = 3) {
  if (value === null || value === undefined) return "not measured";
  const text = Math.abs(value) >= 1000 ? Math.abs(value).toExponential(2) : Math.abs(value).toPrecision(digits);
  const sign = value < 0 ? "\u2212" : "+";
  return Number(text) === 0 ? "0" : `${sign}${text}`;
}

export function interval(low, high, digits = 3) {
  return low === null || low === undefined ? "" : `[${signed(low, digits)}, ${signed(high, digits)}]`;
}

// A share such as a faithfulness, with two decimals, as figures write it.
export function share(value) {
  const text = Math.abs(value).toFixed(2);
  return value < 0 && Number(text) !== 0 ? `\u2212${text}` : text;
}

export function shareInterval(low, high) {
  return low === null || low === undefined ? "" : ` [${share(low)}, ${share(high)}]`;
}

export function count(n, word) {
  return `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
}

export function table(caption, headings, rows) {
  return element(
    "div",
    { class: "scrolls", tabindex: "0", role: "group", "aria-label": caption },
    element(
      "table",
      {},
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, headings.map((text) => element("th", { scope: "col" }, text)))),
      element(
        "tbody",
        {},
        rows.map((row) =>
          element("tr", {}, row.map((cell, at) => element(at ? "td" : "th", at ? {} : { scope: "row" }, cell)))),
      ),
    ),
  );
}
