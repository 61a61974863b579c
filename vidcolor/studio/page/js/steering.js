// Hints, references and settings of shots: a click into the picture, a picture dropped on a shot.
//
// `host` is the tab: `item` (the file), `pair`, `refresh()`; of films also `at`, `shot`, `goTo(seconds)`.

import { attempt, get, put, upload } from "./api.js";
import { choice, clock, dropBox, el, field, replace } from "./dom.js";

const SETTINGS = ["saturation", "smoothing", "model"];
const AS_FILM = "as the film";
const NOTHING = { hints: [], references: [], parts: [], others: 0 };

export class Steering {
  constructor(host, { film = false, server = null } = {}) {
    this.host = host;
    this.server = server;
    this.film = film;
    this.version = 0;
    this.direction = NOTHING;
    this.items = el("ul", { class: "plain" });
    this.marks = [];
    this.node = el("details", {}, el("summary", {}, film ? "Hints, references, settings of this shot" : "Hints and references"),
      this.hintFields(), this.referenceFields(), film ? this.shotFields() : null, this.items);
  }

  hintFields() {
    this.color = el("input", { type: "color", value: "#23406b", "aria-label": "Colour of the hint" });
    this.meaning = choice([["color", "has this colour"], ["keep", "is right as it is"], ["grey", "has no colour"]]);
    this.reach = choice([["shot", "in this shot"], ["film", "in the whole film"]]);
    this.pick = el("button", { "aria-pressed": "false", onclick: () => this.toggle() }, "Click into the picture");
    this.x = el("input", { type: "number", min: "0", step: "1", value: "0" });
    this.y = el("input", { type: "number", min: "0", step: "1", value: "0" });
    this.meaning.setAttribute("aria-label", "What the hint says");
    this.reach.setAttribute("aria-label", "How far the hint reaches");
    return el("fieldset", {}, el("legend", {}, "Hint: what you click at …"),
      el("div", { class: "row" }, this.meaning, this.color, this.film ? this.reach : null, this.pick),
      el("details", {}, el("summary", { class: "small" }, "By numbers"),
        el("div", { class: "row" }, field("x", this.x), field("y", this.y),
          el("button", { onclick: () => this.add(Number(this.x.value), Number(this.y.value)) }, "Add"))));
  }

  referenceFields() {
    const very = this.film ? "this very frame, coloured elsewhere" : "this very picture, coloured elsewhere";
    this.kind = choice([["similar", "the same things, or similar ones"], ["palette", "its palette only"], ["frame", very]]);
    this.whole = el("input", { type: "checkbox" });
    return el("fieldset", {}, el("legend", {}, "Reference: a picture in colour"),
      dropBox(this.film ? "Drop it here, or on a shot above." : "Drop it here.", "image/*", (files) => this.reference(files[0]), { multiple: false }),
      field("It shows", this.kind),
      this.film ? el("label", { class: "row small" }, this.whole, "it counts for the whole film, not just this shot") : null);
  }

  shotFields() {
    this.saturation = el("input", { type: "range", min: "0", max: "2", step: "0.05", value: "1",
      onchange: () => this.setPart("saturation", Number(this.saturation.value)) });
    this.saturationNote = el("span", {});
    this.saturation.addEventListener("input", () => { this.saturationNote.textContent = Number(this.saturation.value).toFixed(2); });
    this.model = choice([["", AS_FILM]]);
    this.model.addEventListener("change", () => this.setPart("model", this.model.value || null));
    this.server.models.then((models) => {
      for (const { name, installed } of models) if (installed) offer(this.model, name, name);
      this.showPart();
    });
    this.smoothing = choice([["", AS_FILM], ["0", "not at all"], ...[0.5, 1, 2, 4].map((s) => [String(s), `over ${s} s`])]);
    this.smoothing.addEventListener("change", () => this.setPart("smoothing", this.smoothing.value ? Number(this.smoothing.value) : null));
    return el("fieldset", {}, el("legend", {}, "This shot alone"), field("Saturation of the shot", this.saturation, this.saturationNote),
      field("Model of the shot", this.model), field("Colours of the shot are smoothed", this.smoothing));
  }

  async load() {
    const item = this.host.item;
    this.direction = NOTHING;
    const found = await attempt(() => get("/api/direction", { source: item.source }));
    if (this.host.item !== item) return;
    this.direction = found ?? NOTHING;
    this.list();
    this.mark();
  }

  toggle() {
    const picking = this.pick.getAttribute("aria-pressed") !== "true";
    this.pick.setAttribute("aria-pressed", String(picking));
    this.pick.textContent = picking ? "Now click; again here to stop" : "Click into the picture";
    const pair = this.host.pair;
    pair.stack.style.cursor = picking ? "crosshair" : "";
    pair.onPick = picking ? (event) => this.picked(event) : null;
    if (this.onClick) pair.stack.removeEventListener("click", this.onClick);
    this.onClick = pair.onPick;
    if (this.onClick) pair.stack.addEventListener("click", this.onClick);
  }

  picked(event) {
    const box = this.host.pair.stack.getBoundingClientRect();
    const { width, height } = this.host.item;
    this.add(Math.round(((event.clientX - box.left) / box.width) * width), Math.round(((event.clientY - box.top) / box.height) * height));
  }

  get now() { return this.film ? Number(this.host.at.toFixed(3)) : null; }

  add(x, y) {
    const color = this.meaning.value === "color" ? this.color.value : this.meaning.value;
    const hint = { x, y, color, time_s: this.now, radius: null, reach: this.film ? this.reach.value : "shot" };
    return this.save((said) => ({ ...said, hints: [...said.hints, hint] }));
  }

  // `shot`: the number of the one it was dropped on; else what the fields say.
  async reference(file, shot) {
    const kind = this.kind.value;
    const sent = await attempt(() => upload(file));
    if (!sent) return;
    const added = { source: sent.source, kind };
    if (this.film && kind === "frame") added.time_s = this.now;
    else if (this.film && (shot || !this.whole.checked)) added.shot = shot ?? this.shotNumber;
    await this.save((said) => ({ ...said, references: [...said.references, added] }));
  }

  get shotNumber() { return this.host.shot ? this.host.shot.index + 1 : null; }

  // One setting of the shot on the screen; null is what holds for the film.
  setPart(name, value) {
    const shot = this.shotNumber;
    if (!shot) return;
    this.save((said) => {
      const own = { ...ofShot(said.parts, shot), [name]: value };
      const others = said.parts.filter((part) => part.shot !== shot);
      return { ...said, parts: SETTINGS.some((each) => own[each] !== null) ? [...others, { shot, ...own }] : others };
    });
  }

  // One change after the other: a second click must not undo the first one, whose answer is still to come.
  save(change) {
    const item = this.host.item;
    const next = () => (this.host.item === item ? this.write(item, change(this.direction)) : undefined);
    this.saving = (this.saving ?? Promise.resolve()).then(next, next);
    return this.saving;
  }

  async write(item, direction) {
    const body = { hints: direction.hints, parts: direction.parts, references: direction.references };
    const found = await attempt(() => put(`/api/direction?source=${encodeURIComponent(item.source)}`, body));
    if (!found || this.host.item !== item) return;
    this.direction = found;
    this.version += 1;
    this.list();
    this.host.refresh();
  }

  list() {
    const { hints, references, parts, others } = this.direction;
    const without = (name, at) => () => this.save((said) => ({ ...said, [name]: said[name].filter((_, i) => i !== at) }));
    const line = (what, name, at, ...shown) => el("li", { class: "row" }, ...shown,
      el("button", { "aria-label": `Remove ${what} ${at + 1}`, onclick: without(name, at) }, "×"));
    replace(this.items,
      ...hints.map((hint, at) => line("hint", "hints", at, this.swatch(hint.color), this.place(hint))),
      ...references.map((reference, at) => line("reference", "references", at, `${reference.name}${this.scope(reference)}`)),
      ...parts.map((part, at) => line("settings", "parts", at, `${settings(part)}${this.scope(part)}`)),
      others ? el("li", { class: "quiet" }, `and ${others} paintings or protected areas in the direction file`) : null);
    this.showPart();
  }

  place(hint) {
    const where = `${hint.color} at ${hint.x}, ${hint.y}`;
    if (!this.film) return where;
    const reach = hint.reach === "film" ? "whole film" : "its shot";
    return el("button", { onclick: () => this.host.goTo(hint.time_s ?? 0) }, `${where}, ${clock(hint.time_s ?? 0)} (${reach})`);
  }

  scope(said) {
    if (!this.film) return "";
    if (said.shot) return `: shot ${said.shot}`;
    if (said.time_s !== null && said.time_s !== undefined) return `: ${clock(said.time_s)}`;
    if (said.start_s === null && said.end_s === null) return ": whole film";
    return `: ${clock(said.start_s ?? 0)} to ${said.end_s === null ? "the end" : clock(said.end_s)}`;
  }

  // The settings of the shot on the screen.
  showPart() {
    if (!this.film || !this.host.item) return;
    const { saturation, model, smoothing } = ofShot(this.direction.parts, this.shotNumber);
    for (const control of [this.saturation, this.model, this.smoothing]) control.disabled = !this.shotNumber;
    this.saturation.value = String(saturation ?? 1);
    this.saturationNote.textContent = saturation === null ? AS_FILM : saturation.toFixed(2);
    choose(this.model, model, model);
    choose(this.smoothing, smoothing, `over ${smoothing} s`);
  }

  swatch(color) {
    const box = el("span", { class: "swatch" });
    if (/^#[0-9a-f]{6}$/i.test(color)) box.style.background = color;
    return box;
  }

  // Hints of the picture that is shown, as rings.
  mark() {
    for (const ring of this.marks) ring.remove();
    const { item, pair } = this.host;
    if (!item) return;
    const near = 0.6 / (item.rate ?? 24);
    const here = this.direction.hints.filter((hint) => !this.film || Math.abs((hint.time_s ?? 0) - this.host.at) < near);
    this.marks = here.map((hint) => {
      const ring = el("span", { class: "mark" });
      ring.style.left = `${(100 * hint.x) / item.width}%`;
      ring.style.top = `${(100 * hint.y) / item.height}%`;
      if (/^#[0-9a-f]{6}$/i.test(hint.color)) ring.style.background = hint.color;
      pair.stack.append(ring);
      return ring;
    });
  }
}

// What is said of a shot by its number; null where nothing is.
function ofShot(parts, shot) {
  const found = Object.fromEntries(SETTINGS.map((name) => [name, null]));
  for (const part of parts.filter((each) => each.shot === shot)) {
    for (const name of SETTINGS) found[name] = part[name] ?? found[name];
  }
  return found;
}

function offer(select, value, caption) {
  if (![...select.options].some((option) => option.value === value)) select.append(el("option", { value }, caption));
}

// Values that people wrote into the file by hand are among the choices, too.
function choose(select, value, caption) {
  if (value !== null) offer(select, String(value), caption);
  select.value = value === null ? "" : String(value);
}

function settings(part) {
  return SETTINGS.filter((name) => part[name] !== null).map((name) => `${name} ${part[name]}`).join(", ");
}
