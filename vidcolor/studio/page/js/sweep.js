// One frame or photograph with several models, working sizes and saturations, side by side; a click takes the best.

import { attempt, get, picture } from "./api.js";
import { el, field, replace } from "./dom.js";
import { checkedModels, modelBoxes } from "./models.js";

function numbers(text) {
  return text.split(/[\s,;]+/).filter((word) => word).map(Number).filter((value) => Number.isFinite(value));
}

export class Sweep {
  // `host` is the tab: `item` (the file), `settings`; of films also `at`.
  constructor(server, host, { film = false } = {}) {
    this.host = host;
    this.film = film;
    this.models = modelBoxes(server, () => true);
    this.sizes = el("input", { type: "text", value: film ? "8, 16" : "16, 24" });
    this.saturations = el("input", { type: "text", value: "0.8, 1.2" });
    this.cells = el("div", { class: "grid" });
    this.node = el("div", { hidden: true }, el("h3", {}, `Compare settings on this ${film ? "frame" : "photograph"}`), this.models,
      field("Working sizes", this.sizes), field("Saturations", this.saturations),
      el("div", { class: "row" }, el("button", { onclick: () => this.run() }, "Show"),
        el("button", { onclick: () => { this.node.hidden = true; } }, "Close")), this.cells);
  }

  open() {
    this.node.hidden = false;
    this.models.querySelector("input")?.focus();
  }

  // Another file was chosen: its pictures are others.
  clear() {
    this.node.hidden = true;
    replace(this.cells);
  }

  async run() {
    const item = this.host.item;
    const place = this.film ? { at_s: this.host.at } : {};
    const query = { source: item.source, ...place,
      models: checkedModels(this.models),
      render_factors: numbers(this.sizes.value), saturations: numbers(this.saturations.value) };
    const cells = await attempt(() => get(this.film ? "/api/films/sweep" : "/api/photos/sweep", query));
    if (!cells || this.host.item !== item) return;
    const images = cells.map(() => el("img", { alt: "" }));
    replace(this.cells, ...cells.map(({ settings }, at) => el("button", { class: "tile",
      onclick: () => { this.host.settings.set(settings); this.node.hidden = true; } }, images[at],
    el("span", { class: "small" },
      `${settings.model}, size ${settings.render_factor ?? "own"}, saturation ${settings.saturation}`))));
    this.cells.dataset.ready = "0";
    for (const [at, cell] of cells.entries()) {
      if (this.host.item !== item) return;
      await attempt(async () => { images[at].src = await picture(cell.picture); });
      this.cells.dataset.ready = String(at + 1);
    }
  }
}
