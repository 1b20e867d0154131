function decode(data, state, step) {
  const bytes = Uint8Array.from(atob(data.curves[state.run][state.layer]), (c) => c.charCodeAt(0));
  const values = new Uint16Array(bytes.buffer);
  const [count, tasks] = [data.points, data.tasks.length];
  const [low, high] = data.plot.y;
  return data.tasks.map((_, j) => {
    const from = ((step * tasks + state.task) * tasks + j) * count;
    return [...values.subarray(from, from + count)].map((v) => low + (v / 65535) * (high - low));
  });
}

function points(data, values) {
  const [left, top, width, height] = data.plot.box;
  const [low, high] = data.plot.y;
  const x = (i) => (left + (width * i) / (values.length - 1)).toFixed(1);
  const y = (v) => (top + height * (1 - (v - low) / (high - low))).toFixed(1);
  return values.map((v, i) => `${x(i)},${y(v)}`).join(" ");
}

function draw(root, data, state) {
  const [start, now] = [0, state.step].map((step) => decode(data, state, step));
  const [faint, lines, legend] = [".faint", ".line", ".legend"].map((c) => root.querySelectorAll(c));
  const told = now.map((values, j) => {
    const own = j === state.task;
    const name = own ? "alpha_S, own map" : `alpha_D, from ${data.tasks[j]}`;
    faint[j].setAttribute("points", points(data, start[j]));
    lines[j].setAttribute("points", points(data, values));
    lines[j].setAttribute("class", `line c${j} ${own ? "own" : "other"}`);
    legend[j].textContent = name;
    const [first, middle, last] = [0, values.length >> 1, values.length - 1].map((i) => values[i].toFixed(2));
    return `${name}: ${first} to ${last}, median ${middle}.`;
  });
  const text = (name) => data.options[name][state[name]];
  const from = data.options.run.length > 1 ? ` from ${text("run")}` : "";
  return `${text("layer")}, ${text("task")}${from}, step ${text("step")}. ${told.join(" ")}`;
}

