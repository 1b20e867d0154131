const root = document.currentScript.parentElement;
const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
const controls = Object.fromEntries([...root.querySelectorAll("select, input")].map((c) => [c.name, c]));
const button = root.querySelector("button");
let playing = null;

function readState() {
  const one = Object.keys(data.options).map((name) => [name, controls[name] ? +controls[name].value : 0]);
  return Object.fromEntries(one);
}

function show(changed) {
  let state = readState();
  if (changed && typeof react === "function") {
    state = react(data, state, changed);
    for (const name in controls) controls[name].value = state[name];
  }
  for (const [name, control] of Object.entries(controls)) {
    const text = data.options[name][state[name]];
    if (control.type !== "range") continue;
    control.setAttribute("aria-valuetext", text);
    control.nextElementSibling.textContent = text;
  }
  root.querySelector(".xs-caption").textContent = draw(root, data, state);
}

function stop() {
  clearInterval(playing);
  playing = null;
  button.textContent = "play";
}

function play() {
  const slider = controls[button.dataset.plays];
  if (playing) return stop();
  if (slider.value === slider.max) slider.value = 0;
  button.textContent = "pause";
  show(slider.name);
  playing = setInterval(() => {
    slider.value = +slider.value + 1;
    show(slider.name);
    if (slider.value === slider.max) stop();
  }, 400);
}

root.addEventListener("input", (event) => {
  if (playing) stop();
  show(event.target.name);
});
if (button) button.addEventListener("click", play);
