// What the pages share. Text from files goes into pages as text alone: nothing here reads markup.

/** An element with properties and children; strings become text. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** The JSON at an address. Throws with what the server says where it has none. */
export async function json(address) {
  const answer = await fetch(address, { cache: "no-cache" });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}

/** A name as a part of an address. Bytes that are no text come as halves of characters, which no address has. */
export const encoded = (name) => name.split(/([\udc80-\udcff])/u).map((part) => (
  /^[\udc80-\udcff]$/u.test(part) ? `%${(part.charCodeAt(0) - 0xdc00).toString(16)}` : encodeURIComponent(part))).join("");

/** The address of a run's page. */
export const runAddress = (folder) => `/run/${encoded(folder)}`;

/** The address at which two runs are compared. */
export const compareAddress = (a, b) => `/compare?a=${encoded(a)}&b=${encoded(b)}`;

/** The text with a button that copies it. */
export function command(text) {
  const button = element("button", { type: "button", textContent: "Copy" });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  const code = element("code", { textContent: text });
  return element("div", { className: "command" }, code, button);
}

/** How far something is, for eyes and for screen readers. */
export function bar(share, label) {
  const made = element("progress", { max: 1, value: share });
  made.setAttribute("aria-label", label);
  return made;
}

const SCALE_END = 1.5;

/** What a scale does not show: that a number lies beyond its ends, in a word. */
export const beyondWords = (value) => (value > SCALE_END ? `above ${SCALE_END}` : value < 0 ? "below 0" : "");

/**
 * A faithfulness on a line from 0 to 1.5 with a mark at 1, and its interval; an arrow points to what lies beyond. A share
 * that cannot be larger than 1 is on a line that ends there. A picture of what stands beside it in numbers.
 */
export function scale(value, interval, end = SCALE_END) {
  const made = element("span", { className: `scale${value > end ? " above" : value < 0 ? " below" : ""}` });
  made.setAttribute("aria-hidden", "true");
  const clip = (number) => `${100 * Math.min(1, Math.max(0, number / end))}%`;
  if (interval && interval[0] !== null && interval[1] !== null) {
    const band = element("i", { className: "band" });
    band.style.left = clip(interval[0]);
    band.style.right = `${100 - parseFloat(clip(interval[1]))}%`;
    made.append(band);
  }
  const one = element("i", { className: "one" });
  one.style.left = clip(1);
  const dot = element("i", { className: "dot" });
  dot.style.left = clip(value);
  made.append(one, dot);
  return made;
}
