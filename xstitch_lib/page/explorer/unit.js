const unpack = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const value = (data, state, name) => +data.options[name][state[name]];

function react(data, state, changed) {
  const levels = data.names.map((name) => state[name]);
  if (changed !== "preset") {
    const found = data.presets.findIndex((preset) => preset.every((level, k) => level === levels[k]));
    return { ...state, preset: found < 0 ? data.presets.length : found };
  }
  const chosen = data.presets[state.preset] || levels;
  return { ...state, ...Object.fromEntries(data.names.map((name, k) => [name, chosen[k]])) };
}

function picture(data, weights) {
  const [height, width] = data.shape;
  const [colours, ...maps] = [data.colours, ...data.maps].map(unpack);
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const mix = weights[0] * maps[0][i] + weights[1] * maps[1][i];
    const level = Math.max(0, Math.min(255, Math.round(mix)));
    pixels.data.set([...colours.subarray(3 * level, 3 * level + 3), 255], 4 * i);
  }
  context.putImageData(pixels, 0, 0);
  return canvas.toDataURL();
}

function draw(root, data, state) {
  const alpha = data.names.map((name) => value(data, state, name));
  const [flows, weights, mixed] = [".flow", ".weight", ".mixed"].map((c) => root.querySelectorAll(c));
  alpha.forEach((weight, k) => {
    flows[k].setAttribute("stroke-width", (8 * Math.abs(weight)).toFixed(2));
    weights[k].textContent = `${data.names[k]} ${weight.toFixed(2)}`;
  });
  mixed.forEach((image, task) => image.setAttribute("href", picture(data, alpha.slice(2 * task, 2 * task + 2))));
  const [aa, ab, ba, bb] = alpha.map((weight) => weight.toFixed(2));
  const seen = `A's next layer sees ${aa} of A and ${ab} of B; B's sees ${ba} of A and ${bb} of B.`;
  const sums = [alpha[0] + alpha[1], alpha[2] + alpha[3]];
  const [most, least] = [Math.max(...sums), Math.min(...sums)];
  const size = most > 1.001 ? "maps grow" : least < 0.999 ? "maps shrink" : "maps keep their size";
  const [first, second] = sums.map((sum) => (sum + 0).toFixed(2).replace("-0.00", "0.00"));
  return `${seen} ${data.said[state.preset]} Rows sum to ${first} and ${second}: ${size}.`;
}

