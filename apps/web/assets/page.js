// The node's live page: asks for /metrics.json each second, and draws what it says.
"use strict";

const PERIOD = 1000;
const PATIENCE = 3000;
const SAMPLES = 120;
// Seconds over which rates are taken.
const WINDOW = 3;

const byId = (id) => document.getElementById(id);
const history = []; // {time, node}, the newest one last
const lines = { requests: [], bytes: [] };
const colours = new Map();
let marked = null; // The name of the process that is shown among the others.
let sort = { key: "total", down: true };
let lastAnswer = performance.now();
let hasAnswered = false;
let isPaused = false;
let isAsking = false;

// --- Small things ---------------------------------------------------------------------------------------------------

// An element with classes, and text or elements inside.
function make(tag, classes, ...content) {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  element.append(...content.filter((it) => it !== null && it !== undefined));
  return element;
}

function write(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const count = (number) => (number === null || number === undefined ? "–" : grouped.format(number));

function rateText(rate) {
  if (rate === null) return "–";
  if (rate > 0 && rate < 10) return rate.toFixed(1);
  return grouped.format(rate);
}

function bytesText(bytes) {
  if (bytes === null) return ["–", "B"];
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let place = 0;
  while (bytes >= 1024 && place < units.length - 1) {
    bytes /= 1024;
    place += 1;
  }
  return [place && bytes < 100 ? bytes.toFixed(1) : grouped.format(bytes), units[place]];
}

function durationText(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "–";
  const seconds = Math.floor(milliseconds / 1000);
  const two = (number) => String(number).padStart(2, "0");
  const days = Math.floor(seconds / 86400);
  const clock = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return days ? `${days} d ${clock}` : clock;
}

// What grew by how much in a second; null where that is not known, because it is new or began anew.
function rate(now, before, seconds) {
  if (now === null || before === null || now === undefined || before === undefined) return null;
  if (seconds <= 0 || now < before) return null;
  return (now - before) / seconds;
}

// The answer to hold against the newest one.
function earlier() {
  const newest = history[history.length - 1];
  for (const sample of history) {
    if (sample !== newest && newest.time - sample.time <= WINDOW * 1000 + 500) return sample;
  }
  return null;
}

// The class of a process's colour, which it keeps.
function colour(name) {
  if (!colours.has(name)) colours.set(name, `c${colours.size % 8}`);
  return colours.get(name);
}

// --- The parts of the page --------------------------------------------------------------------------------------------

function drawMachine(node) {
  const machine = byId("machine");
  const kernels = new Map();
  for (const cluster of node.clusters) {
    const key = cluster.kernel === null ? `of ${cluster.name}` : cluster.kernel;
    if (!kernels.has(key)) kernels.set(key, []);
    kernels.get(key).push(cluster);
  }
  const cores = node.clusters.reduce((sum, it) => sum + it.cores.length, 0);
  const many = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
  const apart = kernels.size > 1 ? ", no shared kernel state" : "";
  write("machine-note", cores ? `${many(cores, "core")}, ${many(kernels.size, "kernel")}${apart}` : "");
  const drawn = [...kernels].map(([number, clusters]) => {
    const inside = make("div", "clusters", ...clusters.map(drawCluster));
    const frame = make("div", "kernel", make("div", "label", `seL4 instance ${number}`), inside);
    // A kernel is as wide as its cores are many.
    frame.style.flexGrow = clusters.reduce((sum, it) => sum + it.cores.length, 0);
    return frame;
  });
  if (!drawn.length) drawn.push(make("p", "empty", "The node does not tell what cores it has."));
  machine.replaceChildren(...drawn);
}

function drawCluster(cluster) {
  const cores = make("div", "cores", ...cluster.cores.map(drawCore));
  const facts = [`${cluster.cores.length} core${cluster.cores.length === 1 ? "" : "s"}`];
  if (cluster.generation !== null) facts.push(`generation ${cluster.generation}`);
  const drawn = make("div", "cluster", make("div", "label", cluster.name, make("small", "", facts.join(", "))), cores);
  drawn.style.flexGrow = cluster.cores.length;
  return drawn;
}

function drawCore(core) {
  const vcores = core.holders.filter((it) => it.kind === "vcore");
  const others = core.holders.filter((it) => it.kind !== "vcore");
  const number = make("div", "number", `core ${core.number}`, make("span", "", core.holders.length ? "" : "idle"));
  const holders = [...vcores, ...others].map((holder) => {
    const isVcore = holder.kind === "vcore";
    const classes = isVcore ? `holder vcore ${colour(holder.name)}` : "holder";
    const what = isVcore ? `vcore ${holder.vcore}` : holder.kind;
    // A name that says what it is says it once.
    const says = holder.name.endsWith(what) ? "" : what;
    const drawn = make("div", classes, `${holder.name} `, make("small", "", says));
    drawn.title = `${holder.name}, ${what}`;
    if (isVcore && holder.name === marked) drawn.classList.add("marked");
    return drawn;
  });
  return make("div", core.holders.length ? "core" : "core idle", number, ...holders);
}

function drawLegend(node) {
  const legend = byId("legend");
  const names = node.processes.map((it) => it.name);
  if (legend.dataset.names !== names.join("\n")) {
    legend.dataset.names = names.join("\n");
    legend.replaceChildren(...names.map((name) => {
      const button = make("button", colour(name), name, make("i", ""));
      button.type = "button";
      button.addEventListener("click", () => {
        marked = marked === name ? null : name;
        draw();
      });
      return make("li", "", button);
    }));
  }
  legend.querySelectorAll("button").forEach((button, place) => {
    const process = node.processes[place];
    button.setAttribute("aria-pressed", String(process.name === marked));
    const granted = process.vcores_granted ?? process.cores.length;
    button.querySelector("i").textContent = process.state === "ended" ? "ended" : `${granted}/${process.vcores_max ?? "?"}`;
  });
}

function drawLine(id, values) {
  const svg = byId(id);
  const most = Math.max(1e-9, ...values.map((it) => it ?? 0)) * 1.08;
  const points = values.map((value, place) => {
    const x = SAMPLES - values.length + place + 1;
    return `${x} ${(39.5 - 39 * ((value ?? 0) / most)).toFixed(2)}`;
  });
  const [line, area] = svg.children.length ? svg.children : addPaths(svg);
  const start = SAMPLES - values.length + 1;
  line.setAttribute("d", points.length > 1 ? `M${points.join("L")}` : "");
  area.setAttribute("d", points.length > 1 ? `M${start} 40L${points.join("L")}L${SAMPLES} 40Z` : "");
}

function addPaths(svg) {
  const paths = ["", "area"].map((name) => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    if (name) path.setAttribute("class", name);
    return path;
  });
  svg.append(...paths);
  return paths;
}

function drawTraffic(node) {
  const traffic = node.traffic;
  write("requests-rate", rateText(lines.requests[lines.requests.length - 1] ?? null));
  write("requests-total", `${count(traffic.requests)} in all`);
  const [value, unit] = bytesText(lines.bytes[lines.bytes.length - 1] ?? null);
  write("bytes-rate", value);
  write("bytes-unit", `${unit}/s sent`);
  write("bytes-total", `${bytesText(traffic.bytes_sent).join(" ")} in all`);
  write("connections", `${count(traffic.connections_open)} of ${count(traffic.connections_most)} connections, ${count(traffic.connections_accepted)} accepted so far`);
  drawLine("requests-line", lines.requests);
  drawLine("bytes-line", lines.bytes);
  const words = ["1xx", "2xx", "3xx", "4xx", "5xx"];
  const answers = traffic.answers.map((number, place) => {
    const isBad = place === 4 && number > 0;
    return place ? make("li", isBad ? "bad" : "", words[place], make("b", "", count(number))) : null;
  });
  byId("answers").replaceChildren(...answers.filter((it) => it));
}

function drawCalls(node, before, seconds) {
  const routes = [
    ["runtime", "its own runtime"],
    ["server", "server of its cluster"],
    ["service_here", "services of this kernel"],
    ["service_elsewhere", "services of other kernels"],
  ];
  const calls = node.calls;
  const all = calls ? routes.reduce((sum, [key]) => sum + calls[key], 0) : 0;
  byId("calls-bar").replaceChildren(...routes.map(([key], place) => {
    const part = make("span", `r${place}`);
    part.style.flexGrow = all ? calls[key] / all : 0;
    return part;
  }));
  byId("calls").replaceChildren(...routes.map(([key, words], place) => {
    const number = calls ? calls[key] : null;
    const speed = calls && before?.calls ? rate(calls[key], before.calls[key], seconds) : null;
    const share = all ? `${((100 * number) / all).toFixed(1)} %` : "–";
    return make("tr", `r${place}`, make("td", "", words), make("td", "n", rateText(speed)), make("td", "n", share), make("td", "n", count(number)));
  }));
}

// What the table says of a channel.
function channelRow(channel, before, seconds) {
  const old = before?.channels.find((it) => it.number === channel.number && it.generation === channel.generation);
  const [to, from] = [channel.to_provider, channel.to_client];
  const speed = (way, what) => (channel[way] && old?.[way] ? rate(channel[way][what], old[way][what], seconds) : null);
  const sum = (what) => (to || from ? (to?.[what] ?? 0) + (from?.[what] ?? 0) : null);
  const messages = [speed("to_provider", "messages"), speed("to_client", "messages")];
  const bells = [speed("to_provider", "doorbells"), speed("to_client", "doorbells")];
  const moved = (messages[0] ?? 0) + (messages[1] ?? 0);
  const total = sum("messages");
  return {
    channel,
    client: `${channel.client}${channel.vcore === null ? "" : ` ${channel.vcore}`}`,
    provider: channel.provider,
    route: channel.route,
    to: messages[0],
    from: messages[1],
    bells: moved > 0 ? ((bells[0] ?? 0) + (bells[1] ?? 0)) / moved : null,
    allBells: total ? sum("doorbells") / total : null,
    total,
    slots: channel.slots,
    generation: channel.generation,
  };
}

function compare(one, other) {
  const [a, b] = [one[sort.key], other[sort.key]];
  if (a === b) return one.channel.number - other.channel.number;
  // What is not known comes last either way.
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  const order = typeof a === "string" ? a.localeCompare(b) : a - b;
  return sort.down ? -order : order;
}

function drawChannels(node, before, seconds) {
  const rows = node.channels.map((it) => channelRow(it, before, seconds)).sort(compare);
  const sum = rows.reduce((all, row) => all + (row.to ?? 0) + (row.from ?? 0), 0);
  write("channels-note", rows.length ? `${rows.length} channels, ${rateText(sum)} messages/s` : "");
  const ratio = (number) => (number === null ? "–" : number.toFixed(3));
  const routes = { "same-kernel": "same kernel", "other-kernel": "other kernel" };
  const drawn = rows.map((row) => {
    const channel = row.channel;
    const quiet = !row.to && !row.from ? "quiet" : "";
    const own = colours.has(channel.client) ? colour(channel.client) : "";
    const isMarked = channel.client === marked ? "marked" : "";
    const client = make("td", "", make("span", "dot"), channel.client, channel.vcore === null ? null : make("small", "", ` vcore ${channel.vcore}`));
    const bells = make("td", "n", `${ratio(row.bells)} `, make("small", "", `(${ratio(row.allBells)})`));
    const cell = (text) => make("td", "n", text);
    return make("tr", [quiet, own, isMarked].join(" ").trim(), client, make("td", "", channel.provider),
      make("td", channel.route === "other-kernel" ? "far" : "", routes[channel.route] ?? "–"),
      cell(rateText(row.to)), cell(rateText(row.from)), bells, cell(count(row.total)), cell(count(row.slots)), cell(count(row.generation)));
  });
  fill("channels", drawn, 9, "The node does not tell what goes on its channels.");
  for (const heading of document.querySelectorAll("#channels th")) {
    const isKey = heading.querySelector("button").dataset.sort === sort.key;
    if (isKey) heading.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
    else heading.removeAttribute("aria-sort");
  }
}

function fill(id, rows, columns, otherwise) {
  if (!rows.length) {
    const cell = make("td", "empty", otherwise);
    cell.colSpan = columns;
    rows.push(make("tr", "", cell));
  }
  document.querySelector(`#${id} tbody`).replaceChildren(...rows);
}

function drawProcesses(node) {
  const rows = node.processes.map((process) => {
    const granted = process.vcores_granted ?? process.cores.length;
    const most = Math.min(process.vcores_max ?? granted, 64);
    const pips = make("span", "pips", ...Array.from({ length: most }, (_, place) => make("i", place < granted ? "on" : "")));
    pips.setAttribute("aria-hidden", "true");
    const classes = [colour(process.name), process.name === marked ? "marked" : "", process.state === "ended" ? "quiet" : ""];
    return make("tr", classes.join(" ").trim(), make("td", "", make("span", "dot"), process.name), make("td", "", process.cluster ?? "–"),
      make("td", "", process.state), make("td", "", pips, `${granted} of ${process.vcores_max ?? "?"}`),
      make("td", "", process.cores.join(" ") || "–"), make("td", "n", count(process.generation)));
  });
  fill("processes", rows, 6, "The node does not tell what processes it has.");
}

// --- Asking, and drawing ------------------------------------------------------------------------------------------------

function draw() {
  const newest = history[history.length - 1];
  if (!newest) return;
  const node = newest.node;
  const old = earlier();
  const seconds = old ? (newest.time - old.time) / 1000 : 0;
  node.processes.forEach((process) => colour(process.name));
  document.title = node.name ? `Atoll ${node.name}` : "Atoll";
  write("name", node.name ?? "");
  write("address", node.address ?? "–");
  write("uptime", durationText(node.uptime_ms));
  drawMachine(node);
  drawLegend(node);
  drawTraffic(node);
  drawCalls(node, old?.node ?? null, seconds);
  drawChannels(node, old?.node ?? null, seconds);
  drawProcesses(node);
}

function take(node) {
  const time = performance.now();
  const before = history[history.length - 1];
  if (before && node.uptime_ms !== null && node.uptime_ms < before.node.uptime_ms) {
    // The server is another life: what it counts began anew.
    history.length = 0;
  }
  const last = history[history.length - 1];
  const seconds = last ? (time - last.time) / 1000 : 0;
  const push = (values, value) => {
    values.push(value);
    if (values.length > SAMPLES) values.shift();
  };
  if (last) {
    push(lines.requests, rate(node.traffic.requests, last.node.traffic.requests, seconds));
    push(lines.bytes, rate(node.traffic.bytes_sent, last.node.traffic.bytes_sent, seconds));
  }
  history.push({ time, node });
  if (history.length > WINDOW + 2) history.shift();
  lastAnswer = time;
  hasAnswered = true;
  byId("panel").hidden = false;
  draw();
}

async function ask() {
  if (isAsking || isPaused || document.hidden) return;
  isAsking = true;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE);
  try {
    const answer = await fetch("/metrics.json", { cache: "no-store", signal: abort.signal });
    if (!answer.ok) throw new Error(answer.statusText);
    take(await answer.json());
  } catch {
    // The line at the top says how long there was no answer.
  } finally {
    clearTimeout(timer);
    isAsking = false;
    say();
  }
}

function say() {
  const silent = Math.floor((performance.now() - lastAnswer) / 1000);
  const isLost = !isPaused && silent >= 2;
  const state = isPaused ? "paused" : isLost ? "lost" : hasAnswered ? "live" : "waiting";
  const words = { paused: "paused", lost: `no answer for ${silent} s`, live: "live", waiting: "asking the node" };
  byId("status").dataset.state = state;
  write("status", words[state]);
  byId("panel").classList.toggle("stale", isLost);
}

function pause() {
  isPaused = !isPaused;
  byId("pause").setAttribute("aria-pressed", String(isPaused));
  if (!isPaused) {
    lastAnswer = performance.now();
    history.length = 0;
    ask();
  }
  say();
}

byId("pause").addEventListener("click", pause);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "p") pause();
  if (event.key === "Escape" && marked !== null) {
    marked = null;
    draw();
  }
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  lastAnswer = performance.now();
  history.length = 0;
  ask();
});
for (const button of document.querySelectorAll("#channels th button")) {
  button.addEventListener("click", () => {
    const key = button.dataset.sort;
    const isText = ["client", "provider", "route"].includes(key);
    sort = { key, down: sort.key === key ? !sort.down : !isText };
    draw();
  });
}
setInterval(() => {
  ask();
  say();
}, PERIOD);
ask();
