const [MEAN, LOWEST, HIGHEST] = [0, 1, 2];

function decode(data, state, layer, step, of = MEAN) {
  const bytes = Uint8Array.from(atob(data.curves[state.run][layer]), (c) => c.charCodeAt(0));
  const values = new Uint16Array(bytes.buffer);
  const [count, tasks] = [data.points, data.tasks.length];
  const [low, high] = data.plot.y;
  return data.tasks.map((_, j) => {
    const from = (((of * data.options.step.length + step) * tasks + state.task) * tasks + j) * count;
    return [...values.subarray(from, from + count)].map((v) => low + (v / 65535) * (high - low));
  });
}

function points(data, box, values) {
  return pairs(data, box, values).join(" ");
}

function around(data, box, low, high) {
  return [...pairs(data, box, low), ...pairs(data, box, high).reverse()].join(" ");
}

function pairs(data, box, values) {
  const [left, top, width, height] = box;
  const [low, high] = data.plot.y;
  const x = (i) => (left + (width * i) / (values.length - 1)).toFixed(1);
  const y = (v) => (top + height * (1 - (v - low) / (high - low))).toFixed(1);
  return values.map((v, i) => `${x(i)},${y(v)}`);
}

function draw(root, data, state) {
  const kinds = [".faint", ".line", ".band", ".legend", ".layer"];
  const [faint, lines, bands, legend, layers] = kinds.map((c) => root.querySelectorAll(c));
  const count = data.plot.boxes.length;
  const last = Math.max(state.layer, count - 1);
  const told = [];
  data.plot.boxes.forEach((box, panel) => {
    const layer = last - (count - 1 - panel);
    const [start, now] = [0, state.step].map((step) => decode(data, state, layer, step));
    const edges = data.bands && [LOWEST, HIGHEST].map((of) => decode(data, state, layer, state.step, of));
    layers[panel].textContent = `weights at ${data.options.layer[layer]}`;
    told.push(`${data.options.layer[layer]}:`);
    now.forEach((values, j) => {
      const own = j === state.task;
      const name = own ? "alpha_S, own map" : `alpha_D, from ${data.tasks[j]}`;
      const place = panel * now.length + j;
      faint[place].setAttribute("points", points(data, box, start[j]));
      lines[place].setAttribute("points", points(data, box, values));
      if (edges) bands[place].setAttribute("points", around(data, box, edges[0][j], edges[1][j]));
      lines[place].setAttribute("class", `line c${j} ${own ? "own" : "other"}`);
      legend[j].textContent = name;
      const [first, middle, end] = [0, values.length >> 1, values.length - 1].map((i) => values[i].toFixed(2));
      told.push(`${name}: ${first} to ${end}, median ${middle}.`);
    });
  });
  const text = (name) => data.options[name][state[name]];
  const from = data.options.run.length > 1 ? ` from ${text("run")}` : "";
  return `${text("layer")}, ${text("task")}${from}, step ${text("step")}. ${told.join(" ")}`;
}
