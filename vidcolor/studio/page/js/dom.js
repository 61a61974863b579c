// Elements are made here and nowhere else. Text is always text: no HTML is ever parsed, so that
// names and metadata of files can't bring any.

export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function replace(node, ...children) {
  node.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}

export function say(text, kind = "bad") {
  const line = el("p", { class: kind }, text);
  line.append(el("button", { "aria-label": "Close", onclick: () => line.remove() }, "×"));
  const lines = document.getElementById("lines");
  lines.append(line);
  while (lines.children.length > 4) lines.firstChild.remove();
  if (kind === "good") setTimeout(() => line.remove(), 6000);
}

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (count >= 1000 && at < units.length - 1) { count /= 1000; at += 1; }
  return `${count >= 10 || at === 0 ? Math.round(count) : count.toFixed(1)} ${units[at]}`;
}

export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - minutes * 60).toFixed(1).padStart(4, "0")}`;
}

// A field with a caption; `note` is a second text on its right, such as the value of a slider. No
// <output>: a label belongs to the first control in it, and that would be one.
export function field(caption, control, note) {
  return el("label", { class: "field" }, el("span", {}, caption, note ?? null), control);
}

// A select of [value, caption] pairs.
export function choice(pairs) {
  return el("select", {}, ...pairs.map(([value, caption]) => el("option", { value }, caption)));
}

export function facts(pairs) {
  return el("dl", { class: "facts" },
    ...pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

export function lines(texts, kind) {
  return texts?.length ? el("ul", { class: `plain ${kind}` }, ...texts.map((t) => el("li", {}, t))) : null;
}

// Files dropped on, or chosen in, a box.
export function dropBox(caption, accept, onFiles, { multiple = true } = {}) {
  const input = el("input", { type: "file", accept, multiple, hidden: true,
    onchange: () => { onFiles([...input.files]); input.value = ""; } });
  const button = el("button", { type: "button", onclick: () => input.click() }, multiple ? "Choose files" : "Choose a file");
  const box = el("div", { class: "drop" }, el("p", {}, caption), button, input);
  onDrop(box, onFiles);
  return box;
}

export function onDrop(node, onFiles) {
  node.addEventListener("dragover", (event) => { event.preventDefault(); node.classList.add("over"); });
  node.addEventListener("dragleave", () => node.classList.remove("over"));
  node.addEventListener("drop", (event) => {
    event.preventDefault();
    node.classList.remove("over");
    if (event.dataTransfer.files.length) onFiles([...event.dataTransfer.files]);
  });
}
