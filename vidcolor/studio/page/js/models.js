// Boxes to choose models by, and their mix.

import { el } from "./dom.js";

const MIX = "mix";

// `isChecked` gets the place of a model among the installed ones.
export function modelBoxes(server, isChecked) {
  const box = (value, caption, checked) => el("label", { class: "row" }, el("input", { type: "checkbox", value, checked }), caption);
  const node = el("fieldset", {}, el("legend", {}, "Models"));
  server.models.then((models) => {
    const here = models.filter((m) => m.installed);
    node.append(...here.map((m, at) => box(m.name, m.name, isChecked(at))));
    if (here.length > 1) node.append(box(MIX, "the mean of those chosen", false));
  });
  return node;
}

export function checkedModels(node) {
  const names = [...node.querySelectorAll("input:checked")].map((each) => each.value);
  const plain = names.filter((name) => name !== MIX);
  return names.includes(MIX) && plain.length > 1 ? [...plain, plain.join("+")] : plain;
}
