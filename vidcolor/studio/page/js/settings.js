// The settings of a picture or a film, as a form; `value` is what the API takes.

import { choice, el, field, replace } from "./dom.js";

const MIX = "mix";
const SHARES = [["0.5", "half and half"], ["0.25", "three quarters of the first"], ["0.75", "three quarters of the second"],
  ["bounded", "the second's hues, as strong as the first's"]];

function slider(min, max, step, value) {
  return el("input", { type: "range", min: String(min), max: String(max), step: String(step), value: String(value) });
}

export class Settings {
  constructor(server, { film = false, onChange }) {
    this.film = film;
    this.onChange = onChange;
    this.quality = choice([["", "good (usual)"], ["draft", "draft: quick"], ["best", "best: slow"]]);
    this.model = choice([["auto", "automatic"]]);
    this.first = el("select", {});
    this.second = el("select", {});
    this.share = choice(SHARES);
    this.mix = el("div", { hidden: true }, field("First", this.first), field("Second", this.second), field("Mixed", this.share));
    this.missing = el("p", { class: "small quiet", hidden: true }, "Models that aren't installed: “vidcolor weights pull NAME” on the server.");
    this.saturation = slider(0, 2, 0.05, 1);
    this.saturationNote = el("span", {});
    this.size = slider(0, 64, 1, 0);
    this.sizeNote = el("span", {});
    this.mounts = choice([["grey", "stay grey"], ["color", "are coloured"]]);
    this.repair = choice([["off", "stay"], ["auto", "are repaired"]]);
    this.processes = choice([["", "one process"], ...counts(server.cores), ["auto", "as many as fit"]]);
    this.more = el("details", {}, el("summary", {}, "More"), field("Mounts and mattes", this.mounts));
    this.node = el("form", { onsubmit: (event) => event.preventDefault() }, field("Quality", this.quality),
      field("Model", this.model), this.mix, this.missing, field("Saturation", this.saturation, this.saturationNote),
      field("Working size", this.size, this.sizeNote), field("Dust and scratches", this.repair), this.more);
    if (film) this.addFilm();
    this.more.append(field("The work is done by", this.processes));
    this.node.addEventListener("input", () => this.changed());
    this.changed(true);
    server.models.then((models) => this.addModels(models));
  }

  addModels(models) {
    const here = models.filter((m) => m.installed);
    const option = (m) => el("option", { value: m.name, disabled: !m.installed, title: m.title },
      m.installed ? m.name : `${m.name} (not installed)`);
    this.model.append(...models.map(option), el("option", { value: MIX, disabled: here.length < 2 }, "a mix of two …"));
    for (const [at, select] of [this.first, this.second].entries()) {
      replace(select, ...here.map(option));
      select.selectedIndex = Math.min(at, here.length - 1);
    }
    this.missing.hidden = here.length === models.length;
  }

  addFilm() {
    this.stabilize = choice([["motion", "along the motion"], ["ema", "in place"], ["off", "not at all"]]);
    this.every = choice([["", "as the quality says"], ["1", "on every frame"], ["auto", "where motion needs it"], ["4", "on every 4th frame"]]);
    this.deflicker = choice([["", "stays"], ["on", "is evened out"]]);
    this.steady = choice([["", "stays"], ["on", "is taken out"]]);
    this.deinterlace = choice([["", "stay as they are"], ["on", "become whole frames"]]);
    this.compare = choice([["", "colours alone"], ["on", "grey and colours side by side"]]);
    this.codec = choice([["", "H.264 (default)"], ["libx265", "HEVC"], ["prores_ks", "ProRes"], ["ffv1", "FFV1, without loss"]]);
    this.suffix = choice([["", "as the source"], [".mp4", ".mp4"], [".mkv", ".mkv"], [".mov", ".mov"]]);
    this.more.append(field("Flicker of lightness", this.deflicker), field("Weave of the gate", this.steady),
      field("Colours are smoothed", this.stabilize), field("The network runs", this.every),
      field("Interlaced fields", this.deinterlace), field("The film shows", this.compare),
      field("Encoder", this.codec), field("Container", this.suffix));
  }

  get modelName() {
    return this.model.value === MIX ? `${this.first.value}+${this.second.value}:${this.share.value}` : this.model.value;
  }

  // The settings that concern one picture.
  get look() {
    const size = Number(this.size.value);
    return { quality: this.quality.value || null, model: this.modelName, saturation: Number(this.saturation.value),
      render_factor: size < 2 ? null : size, mounts: this.mounts.value, repair: this.repair.value };
  }

  // Those of a job.
  get value() {
    if (!this.film) return this.look;
    const every = this.every.value;
    return { ...this.look, stabilize: this.stabilize.value, every: /^\d+$/.test(every) ? Number(every) : every || null,
      deflicker: this.deflicker.value ? true : null, steady: this.steady.value ? true : null,
      deinterlace: this.deinterlace.value ? true : null, compare: this.compare.value ? true : null,
      video_codec: this.codec.value || null };
  }

  get shared() {
    const count = this.processes.value;
    return /^\d+$/.test(count) ? Number(count) : count || null;
  }

  set(values) {
    if (values.model) this.setModel(values.model);
    if (values.saturation !== undefined) this.saturation.value = String(values.saturation);
    this.size.value = String(values.render_factor ?? 0);
    this.changed();
  }

  setModel(name) {
    const [first, second, ...more] = name.split("+");
    if (more.length) {
      if (![...this.model.options].some((each) => each.value === name)) this.model.append(el("option", { value: name }, name));
      this.model.value = name;
    } else if (second) {
      this.model.value = MIX;
      this.first.value = first;
      [this.second.value, this.share.value] = [...second.split(":"), "0.5"];
    } else this.model.value = name;
  }

  addWeights(model, name) {
    this.model.append(el("option", { value: model }, name));
    this.model.value = model;
    this.changed();
  }

  changed(quiet = false) {
    this.mix.hidden = this.model.value !== MIX;
    this.saturationNote.textContent = Number(this.saturation.value).toFixed(2);
    const size = Number(this.size.value);
    this.sizeNote.textContent = size < 2 ? "the model's own" : `${size} (${size * 16} px)`;
    if (!quiet) this.onChange?.();
  }
}

function counts(cores) {
  return [2, 4, 8, 16].filter((count) => count <= cores).map((count) => [String(count), `${count} processes`]);
}
