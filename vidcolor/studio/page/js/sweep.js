// One frame with several models, working sizes and saturations, side by side; a click takes the best.

import { attempt, get, picture } from "./api.js";
import { el, field, replace } from "./dom.js";
import { checkedModels, modelBoxes } from "./models.js";

function numbers(text) {
  return text.split(/[\s,;]+/).filter((word) => word).map(Number).filter((value) => Number.isFinite(value));
}

export class Sweep {
  constructor(server, films) {
    this.films = films;
    this.models = modelBoxes(server, () => true);
    this.sizes = el("input", { type: "text", value: "8, 16" });
    this.saturations = el("input", { type: "text", value: "0.8, 1.2" });
    this.cells = el("div", { class: "grid" });
    this.node = el("div", { hidden: true }, el("h3", {}, "Compare settings on this frame"), this.models,
      field("Working sizes", this.sizes), field("Saturations", this.saturations),
      el("div", { class: "row" }, el("button", { onclick: () => this.run() }, "Show"),
        el("button", { onclick: () => { this.node.hidden = true; } }, "Close")), this.cells);
  }

  open() {
    this.node.hidden = false;
    this.models.querySelector("input")?.focus();
  }

  async run() {
    const query = { source: this.films.film.source, at_s: this.films.at,
      models: checkedModels(this.models),
      render_factors: numbers(this.sizes.value), saturations: numbers(this.saturations.value) };
    const cells = await attempt(() => get("/api/films/sweep", query));
    if (!cells) return;
    const images = cells.map(() => el("img", { alt: "" }));
    replace(this.cells, ...cells.map(({ settings }, at) => el("button", { class: "tile",
      onclick: () => { this.films.settings.set(settings); this.node.hidden = true; } }, images[at],
    el("span", { class: "small" },
      `${settings.model}, size ${settings.render_factor ?? "own"}, saturation ${settings.saturation}`))));
    this.cells.dataset.ready = "0";
    for (const [at, cell] of cells.entries()) {
      await attempt(async () => { images[at].src = await picture(cell.picture); });
      this.cells.dataset.ready = String(at + 1);
    }
  }
}
