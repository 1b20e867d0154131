function draw(root, data, state) {
  const [lines, dots] = [".whole", ".dot"].map((c) => root.querySelectorAll(c));
  const panels = new Map();
  data.curves[state.run].forEach((curve, i) => {
    lines[i].setAttribute("points", curve.points);
    dots[i].setAttribute("cx", data.x[state.step]);
    dots[i].setAttribute("cy", curve.heights[state.step]);
    const told = `${curve.name} ${curve.values[state.step].toFixed(2)}`;
    panels.set(curve.panel, [...(panels.get(curve.panel) || []), told]);
  });
  const cursor = root.querySelector(".cursor");
  cursor.setAttribute("d", cursor.getAttribute("d").replace(/^M[\d.]+/, `M${data.x[state.step]}`));
  const all = [...panels].map(([panel, told]) => `${panel}: ${told.join(", ")}`);
  const start = data.options.run.length > 1 ? `, units start at ${data.options.run[state.run]}` : "";
  return `Step ${data.options.step[state.step]}${start}. ${all.join("; ")}.`;
}

