// Hints and references of a film: a click into the frame, a picture dropped on a shot.

import { attempt, get, put, upload } from "./api.js";
import { clock, dropBox, el, field, replace } from "./dom.js";

export class Steering {
  constructor(films) {
    this.films = films;
    this.version = 0;
    this.direction = { hints: [], references: [], parts: [], others: 0 };
    this.color = el("input", { type: "color", value: "#23406b", "aria-label": "Colour of the hint" });
    this.meaning = el("select", {}, el("option", { value: "color" }, "this colour"),
      el("option", { value: "keep" }, "right as it is"), el("option", { value: "grey" }, "no colour"));
    this.reach = el("select", {}, el("option", { value: "shot" }, "in this shot"), el("option", { value: "film" }, "in the whole film"));
    this.pick = el("button", { "aria-pressed": "false", onclick: () => this.toggle() }, "Click into the frame");
    this.x = el("input", { type: "number", min: "0", step: "1", value: "0" });
    this.y = el("input", { type: "number", min: "0", step: "1", value: "0" });
    this.whole = el("input", { type: "checkbox" });
    this.items = el("ul", { class: "plain" });
    this.marks = [];
    this.node = el("details", {}, el("summary", {}, "Hints and references"),
      el("fieldset", {}, el("legend", {}, "Hint: what has which colour"),
        el("div", { class: "row" }, this.color, this.meaning, this.reach, this.pick),
        el("details", {}, el("summary", { class: "small" }, "By numbers"),
          el("div", { class: "row" }, field("x", this.x), field("y", this.y),
            el("button", { onclick: () => this.add(Number(this.x.value), Number(this.y.value)) }, "Add")))),
      el("fieldset", {}, el("legend", {}, "Reference: a picture in colour of the same things"),
        dropBox("Drop a colour picture here: it counts for this shot.", "image/*", (files) => this.reference(files[0]), { multiple: false }),
        el("label", { class: "row small" }, this.whole, "for the whole film")),
      this.items);
  }

  async load() {
    const found = await attempt(() => get("/api/films/direction", { source: this.films.film.source }));
    this.direction = found ?? { hints: [], references: [], parts: [], others: 0 };
    this.list();
    this.mark();
  }

  toggle() {
    const picking = this.pick.getAttribute("aria-pressed") !== "true";
    this.pick.setAttribute("aria-pressed", String(picking));
    this.pick.textContent = picking ? "Now click what has this colour" : "Click into the frame";
    const pair = this.films.pair;
    pair.stack.style.cursor = picking ? "crosshair" : "";
    pair.onPick = picking ? (event) => this.picked(event) : null;
    if (this.onClick) pair.stack.removeEventListener("click", this.onClick);
    this.onClick = pair.onPick;
    if (this.onClick) pair.stack.addEventListener("click", this.onClick);
  }

  picked(event) {
    const box = this.films.pair.stack.getBoundingClientRect();
    const { width, height } = this.films.film;
    this.add(Math.round(((event.clientX - box.left) / box.width) * width), Math.round(((event.clientY - box.top) / box.height) * height));
  }

  add(x, y) {
    const color = this.meaning.value === "color" ? this.color.value : this.meaning.value;
    const hint = { x, y, color, time_s: Number(this.films.at.toFixed(3)), radius: null, reach: this.reach.value };
    return this.save({ ...this.direction, hints: [...this.direction.hints, hint] });
  }

  async reference(file) {
    const sent = await attempt(() => upload(file));
    if (!sent) return;
    const shot = this.films.shot && !this.whole.checked ? this.films.shot.index + 1 : null;
    await this.save({ ...this.direction, references: [...this.direction.references, { source: sent.source, shot }] });
  }

  async save(direction) {
    const body = { hints: direction.hints, parts: direction.parts, references: direction.references };
    const found = await attempt(() => put(`/api/films/direction?source=${encodeURIComponent(this.films.film.source)}`, body));
    if (!found) return;
    this.direction = found;
    this.version += 1;
    this.list();
    this.films.refresh();
  }

  list() {
    const { hints, references, others } = this.direction;
    const without = (name, at) => () => this.save({ ...this.direction, [name]: this.direction[name].filter((_, i) => i !== at) });
    replace(this.items,
      ...hints.map((hint, at) => el("li", { class: "row" }, this.swatch(hint.color),
        el("button", { onclick: () => this.films.goTo(hint.time_s ?? 0) }, `${hint.color} at ${hint.x}, ${hint.y}, ${clock(hint.time_s ?? 0)} (${hint.reach})`),
        el("button", { "aria-label": `Remove hint ${at + 1}`, onclick: without("hints", at) }, "×"))),
      ...references.map((reference, at) => el("li", { class: "row" },
        `${reference.name}: ${reference.shot ? `shot ${reference.shot}` : reference.time_s !== null ? clock(reference.time_s) : "whole film"}`,
        el("button", { "aria-label": `Remove reference ${at + 1}`, onclick: without("references", at) }, "×"))),
      others ? el("li", { class: "quiet" }, `and ${others} paintings or protected areas in the direction file`) : null);
  }

  swatch(color) {
    const box = el("span", { class: "swatch" });
    if (/^#[0-9a-f]{6}$/i.test(color)) box.style.background = color;
    return box;
  }

  // Hints of the frame that is shown, as rings.
  mark() {
    for (const ring of this.marks) ring.remove();
    const { film, at, pair } = this.films;
    if (!film) return;
    const near = 0.6 / (film.rate ?? 24);
    this.marks = this.direction.hints.filter((hint) => Math.abs((hint.time_s ?? 0) - at) < near).map((hint) => {
      const ring = el("span", { class: "mark" });
      ring.style.left = `${(100 * hint.x) / film.width}%`;
      ring.style.top = `${(100 * hint.y) / film.height}%`;
      if (/^#[0-9a-f]{6}$/i.test(hint.color)) ring.style.background = hint.color;
      pair.stack.append(ring);
      return ring;
    });
  }
}
