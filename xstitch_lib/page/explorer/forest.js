function text(x, y, content, kind, anchor) {
  const end = anchor ? ' text-anchor="' + anchor + '"' : "";
  const safe = content.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  return `<text${kind ? ` class="${kind}"` : ""} x="${x}" y="${y}"${end}>${safe}</text>`;
}

function mark(data, row, place, y) {
  const [, verdict, gain, low, high, paper] = row;
  const colour = data.verdicts[verdict][1];
  let drawn = "";
  if (gain !== null) {
    const [from, to, at] = [low, high, gain].map((value) => place(value).toFixed(1));
    drawn += `<path class="bar ${colour}" d="M${from},${y}H${to}"/><circle class="point ${colour}" cx="${at}" cy="${y}" r="4.5"/>`;
  }
  if (paper === null) return drawn;
  const x = place(paper).toFixed(1);
  return `${drawn}<path class="theirs" d="M${x},${y - 6}l6,6l-6,6l-6,-6z"/>`;
}

function draw(root, data, state) {
  const found = data.states[`${state.quantity}-${state.data}-${state.over}`];
  const svg = root.querySelector("svg.xs-drawing");
  if (!found) {
    svg.setAttribute("viewBox", "0 0 420 40");
    svg.innerHTML = text(4, 24, "Nothing of this kind is claimed in this quantity on these data.", "");
    const where = data.where[state.quantity];
    return `${data.options.quantity[state.quantity]}: see ${where}, not ${data.options.data[state.data]}, or over anything else than ${data.options.over[state.over]}.`;
  }
  const [low, high] = found.range;
  const place = (value) => 14 + (392 * (value - low)) / (high - low);
  let [y, drawn] = [14, ""];
  for (const number of found.rows) {
    const row = data.rows[number];
    const words = data.verdicts[row[1]];
    drawn += text(4, y, words[0], `verdict ${words[1]}`);
    for (const part of data.labels[row[0]]) {
      y += 15;
      drawn += text(4, y, part, "claim");
    }
    y += 14;
    drawn += mark(data, row, place, y);
    y += 26;
  }
  const zero = place(0).toFixed(1);
  const ticks = found.ticks.map((tick) => text(place(tick).toFixed(1), y + 6, String(tick), "", "middle"));
  svg.setAttribute("viewBox", `0 0 420 ${y + 12}`);
  svg.innerHTML = `<path class="xs-axis" d="M${zero},2V${y - 8}"/><path class="xs-axis" d="M14,${y - 8}H406"/>${drawn}${ticks.join("")}`;
  return found.caption;
}

