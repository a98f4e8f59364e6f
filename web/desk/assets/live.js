// Keeps a page of the desk as it is on the server now, and says so when it cannot. Only what differs is changed, so that
// focus, what is open and what is scrolled stay. While a change could take away what somebody typed, chose or marked, the
// page is held, and says that there is news.
"use strict";

const main = document.getElementById("main"), line = document.getElementById("line");

// label tells an element from its siblings, so that it is known again; "" for one that is known by its place only.
function label(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return "";
  const own = node.id || node.dataset.keep || node.dataset.key || node.dataset.copy || node.getAttribute("aria-labelledby");
  if (own) return own;
  switch (node.localName) {
    case "a": return node.getAttribute("href");
    case "dd": return node.previousElementSibling?.textContent;
    case "dt": return node.textContent;
    case "form": return [node.getAttribute("action"), ...[...node.querySelectorAll("[type=hidden]")].filter(secret).map((f) => f.value)].join(" ");
    case "tr": return node.cells[0]?.textContent;
  }
  return node.getAttribute("name");
}

// secret leaves out the fields that are new on every page.
function secret(field) { return field.name !== "form" && field.name !== "nonce"; }

// labels gives each child with a label that no other child has.
function labels(parent) {
  const count = new Map();
  return [...parent.childNodes].map((node) => {
    const kind = `${node.nodeName} ${label(node) || "." + (node.className || "")}`, n = (count.get(kind) ?? 0) + 1;
    count.set(kind, n);
    return [`${kind} ${n}`, node];
  });
}

// pair finds for every node of the new page the one on this page that becomes it, where there is one.
function pair(was, is, pairs = new Map()) {
  pairs.set(is, was);
  const known = new Map(labels(was));
  for (const [key, node] of labels(is)) if (known.has(key)) pair(known.get(key), node, pairs);
  return pairs;
}

// become makes a node what its pair is. What is open stays open, and a field that was typed into keeps its text.
function become(was, is, pairs, kept) {
  if (was.nodeType !== Node.ELEMENT_NODE) {
    if (was.data !== is.data) was.data = is.data;
    return;
  }
  const clean = was.matches("input, select, textarea") && !typed(was);
  for (const a of [...was.attributes]) if (a.name !== "open" && !is.hasAttribute(a.name)) was.removeAttribute(a.name);
  for (const a of is.attributes) if (a.name !== "open" && was.getAttribute(a.name) !== a.value) was.setAttribute(a.name, a.value);
  let at = was.firstChild;
  const drop = (stop) => {
    while (at && !stop(at)) [at] = [at.nextSibling, at.remove()];
  };
  for (const node of [...is.childNodes]) {
    const old = pairs.get(node);
    if (!old) {
      was.insertBefore(node, at);
      continue;
    }
    drop((n) => kept.has(n));
    if (at === old) at = at.nextSibling;
    else if (was.moveBefore) was.moveBefore(old, at);
    else was.insertBefore(old, at);
    become(old, node, pairs, kept);
  }
  drop(() => false);
  if (clean && typed(was)) restore(was);
}

// typed tells whether a field holds something else than the page gave it.
function typed(field) {
  switch (field.type) {
    case "hidden": return false;
    case "checkbox": case "radio": return field.checked !== field.defaultChecked;
    case "select-one": return field.options.length > 0 && field.selectedIndex !== first(field);
  }
  return field.value !== field.defaultValue;
}

function first(select) { return Math.max([...select.options].findIndex((o) => o.defaultSelected), 0); }

function restore(field) {
  if (field.type === "select-one") field.selectedIndex = first(field);
  else if (field.type === "checkbox" || field.type === "radio") field.checked = field.defaultChecked;
  else field.value = field.defaultValue;
}

// held tells whether somebody is at work on the page.
function held() {
  const at = document.activeElement, marked = getSelection();
  return main.contains(at) && at.matches("input, select, textarea") || main.querySelector("[data-sent]") ||
    [...main.querySelectorAll("input, select, textarea")].some(typed) ||
    marked.rangeCount > 0 && !marked.isCollapsed && marked.getRangeAt(0).intersectsNode(main);
}

// Times in milliseconds: from a change to a look, the longest between looks, and how long a stream that lives is silent.
const soon = 300, rarely = 30000, silence = 40000;

let source = null, heard = 0; // the stream, and when it last said something
let cuts = 0;                 // how often it ended since it last told of something
let failed = "", fails = 0;   // why the page could not be loaded, and how often in a row
let news = false;             // something changed that is not shown
let timer = 0, due = 0, opening = 0, pace = soon, looking = false, again = false, wanted = false;

// here is the page's own address, without what the form before it did.
function here() {
  const url = new URL(location.href);
  url.searchParams.delete("done");
  url.hash = "";
  return url.href;
}

function later(wait) {
  const at = Date.now() + wait;
  if (timer && due <= at) return;
  clearTimeout(timer);
  due = at;
  timer = setTimeout(() => { timer = 0; look(); }, wait);
}

// look loads the page again and shows what is new.
async function look() {
  if (looking || document.hidden) {
    again ||= looking;
    main.dataset.stale = "yes";
    return;
  }
  looking = true;
  const began = Date.now(), next = await load();
  looking = false;
  pace = Math.max(soon, 5 * (Date.now() - began));
  if (next) {
    show(next, wanted);
    wanted = false;
    if (!source) opening ||= setTimeout(listen, cuts > 1 ? backoff(cuts) : 0);
  } else later(backoff(fails));
  tell();
  if (again) later(pace);
  again = false;
}

function backoff(n) { return Math.min(500 * 2 ** n, rarely); }

// load gives the page as it is now, or notes why it cannot be had.
async function load() {
  let res, text = "";
  try {
    res = await fetch(here(), { redirect: "manual", headers: { Accept: "text/html", "Satchel-Background": "yes" }, signal: AbortSignal.timeout(15000) });
    text = await res.text();
  } catch {
    res = null;
  }
  const next = new DOMParser().parseFromString(text, "text/html");
  if (!res || res.status >= 500 || res.status === 429) failed = "away";
  else if (res.status === 401) failed = "out";
  else if (!res.ok || !next.getElementById("line")) failed = "gone";
  else failed = "";
  fails = failed ? fails + 1 : 0;
  return failed ? null : next;
}

// show makes the page what it is now. Who asks for it gets it, whatever is typed.
function show(next, asked) {
  const is = next.getElementById("main"), done = main.querySelector(":scope > .done"), at = document.activeElement;
  prepare(is);
  if (done) is.prepend(done.cloneNode(true));
  for (const note of is.querySelectorAll("[data-living]")) note.hidden = !living();
  const pairs = pair(main, is), kept = new Set(pairs.values());
  const lost = main.contains(at) && at !== main && !kept.has(at);
  if (!asked && (lost || held())) {
    news ||= main.dataset.seen !== is.dataset.seen;
    main.dataset.stale = "yes";
    return;
  }
  become(main, is, pairs, kept);
  const menu = document.querySelector(".menu"), fresh = next.querySelector(".menu");
  if (menu && fresh) {
    const links = pair(menu, fresh);
    become(menu, fresh, links, new Set(links.values()));
  }
  document.title = next.title;
  news = false;
  if (at.isConnected && at !== document.activeElement) at.focus({ preventScroll: true });
}

function living() { return source !== null && source.readyState === EventSource.OPEN && !failed; }

const words = {
  away: ["Not live: the server does not answer. This page tries again by itself.", "Load again"],
  out: ["Not live: you are signed out.", "Sign in"],
  gone: ["Not live: this page cannot be shown any more.", "Load again"],
  cut: ["Not live: this page looks for news every half minute.", "Load again"],
  news: ["There is news.", "Show it"],
};

// tell says what somebody should know about the page: that it is not live, or that it is held.
function tell() {
  for (const note of document.querySelectorAll("[data-living]")) note.hidden = !living();
  const says = failed || (cuts > 1 ? "cut" : news ? "news" : "");
  if (line.dataset.says === says) return;
  const focused = line.contains(document.activeElement);
  line.dataset.says = says;
  line.replaceChildren();
  if (says) {
    const act = document.createElement(says === "news" ? "button" : "a");
    if (says === "news") act.type = "button";
    else act.href = here();
    act.textContent = words[says][1];
    line.append(words[says][0] + " ", act);
    if (focused) act.focus();
  } else if (focused) {
    main.tabIndex = -1;
    main.focus({ preventScroll: true });
  }
}

// listen opens the stream. What changed while nobody listened is seen by the number of the last event; a callback that is
// on its way may have been tried without one.
function listen() {
  let began = false;
  opening = 0;
  source = new EventSource(main.dataset.live);
  heard = Date.now();
  source.onmessage = (e) => {
    const missed = e.data !== main.dataset.seen;
    if (began || missed || main.querySelector("[data-state=pending]")) later(pace);
    if ((began || missed) && held()) news = true;
    heard = Date.now();
    began = true;
    cuts = 0;
    tell();
  };
  source.addEventListener("beat", () => { heard = Date.now(); });
  source.onerror = cut;
}

// cut takes the end of the stream for what it may be: the page is looked at at once, and if that can be done, so can listen be.
function cut() {
  source.close();
  source = null;
  cuts++;
  tell();
  later(0);
}

function released() {
  if (main.dataset.stale && !document.hidden && !held()) later(soon);
}

line.addEventListener("click", (e) => {
  if (!e.target.closest("button")) return;
  wanted = true;
  later(0);
});
for (const what of ["visibilitychange", "focusout", "input", "change", "selectionchange"]) document.addEventListener(what, released);
addEventListener("online", () => { if (failed) later(0); });
setInterval(() => {
  if (source && Date.now() - heard > silence) cut();
  else if (!document.hidden) later(0);
}, rarely);
listen();
