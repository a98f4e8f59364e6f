// Keeps an open checkout page true to the server. Everything that is shown comes from there as a view (see package web) and
// is set as text. The countdown runs on the time that is left by the server's clock, so a wrong clock here does not matter.
"use strict";
(() => {
  const main = document.getElementById("invoice");
  if (!main) return;
  const at = (id) => document.getElementById(id);
  const put = (id, text) => { if (at(id).textContent !== text) at(id).textContent = text; };
  const reveal = (e, yes) => { e.toggleAttribute("hidden", !yes); }; // drawings have no property for it
  const show = (id, yes) => { const e = at(id); if (e) reveal(e, yes); };
  const showAll = (kind, yes) => { for (const e of document.querySelectorAll(kind)) reveal(e, yes); };
  const data = main.dataset;
  const framed = window.parent !== window;
  const span = Number(data.window);

  let end = performance.now() + Number(data.left);
  let last = Number(data.at);
  let due = data.due;
  let final = data.final === "true";
  let events = null;
  let heard = performance.now();
  let asked = false;

  // ---- what the page shows

  const apply = (v) => {
    if (v.at < last) return;
    last = v.at;
    end = performance.now() + v.left;
    final = v.final;
    asked = false;
    Object.assign(data, { state: v.state, tone: v.tone, payable: v.payable, settled: v.settled, step: v.step, blocks: v.blocks });
    put("title", v.title);
    put("note", v.note);
    put("extra", v.extra);
    show("extra", v.extra !== "");
    document.title = v.title + " – " + data.shop;
    put("transactions", v.transactions);
    showAll(".received", v.transactions);
    showAll(".pay", v.payable);
    show("steps", v.step > 0);
    const leave = at("leave");
    show("leave", !v.settled);
    show("back", v.settled || !leave);
    if (v.payable) request(v);
    tick();
    settle(v);
    if (final && events) { events.close(); events = null; }
  };

  const request = (v) => {
    due = String(v.dueSats);
    put("due", v.due);
    show("sum", v.due !== "");
    at("wallet").href = v.uri.startsWith("bitcoin:") ? v.uri : "#";
    if (!v.qr) return;
    at("qr").setAttribute("viewBox", `0 -.5 ${v.qr.size} ${v.qr.size}`);
    at("modules").setAttribute("d", v.qr.path);
    show("qr", true);
  };

  const tick = () => {
    if (data.payable !== "true") return;
    const left = Math.max(end - performance.now(), 0);
    const s = Math.ceil(left / 1000), two = (n) => String(n).padStart(2, "0");
    const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    put("left", h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`);
    if (span > 0) at("bar").setAttribute("width", Math.min(1000 * left / span, 1000));
    const low = s <= 120;
    if (low && !main.hasAttribute("data-low")) put("said", `${data.timeLeft}: ${at("left").textContent}`); // for a screen reader, once
    main.toggleAttribute("data-low", low);
    if (left > 0 || asked) return;
    asked = true; // nobody should pay any more, even if the server cannot be asked now
    showAll(".pay", false);
    Object.assign(data, { payable: false, tone: "warn", state: "closing" });
    put("title", data.closing);
    put("note", data.closingNote);
    setTimeout(refresh, 1000);
  };

  // ---- what follows from being paid

  const post = (message) => { window.parent.postMessage(message, "*"); };
  let told = "", going = false;
  const tell = (status) => {
    if (!framed || told === status) return;
    told = status;
    post({ invoiceId: data.id, status });
  };
  const settle = (v) => {
    if (v.settled && told === "new") tell("paid"); // shops wait for this word, and a fast invoice skips it
    tell(v.status);
    const back = at("back");
    if (!v.settled || !data.redirect || !back || framed || going) return;
    going = true;
    show("going", true);
    setTimeout(() => { window.location.replace(back.href); }, 3000);
  };

  // ---- what the server says

  const silence = 35000; // more than two beats
  const online = (yes) => { heard = performance.now(); put("lost", yes ? "" : data.lost); };
  const query = () => "&due=" + encodeURIComponent(due);
  const refresh = async () => {
    try {
      const answer = await fetch(data.refresh + query(), { cache: "no-store" });
      if (answer.ok) apply(await answer.json());
      online(answer.ok);
    } catch { online(false); } // the next try will tell
  };
  const later = () => setTimeout(() => refresh().then(listen), 5000 + 5000 * Math.random());
  const listen = () => {
    if (final || events) return;
    events = new EventSource(data.stream + query());
    events.onopen = () => online(true);
    events.onmessage = (e) => { online(true); apply(JSON.parse(e.data)); };
    events.addEventListener("beat", () => online(true));
    events.onerror = () => {
      if (!events) return;
      if (events.readyState !== EventSource.CLOSED) { online(false); return; } // the browser tries again by itself
      events = null; // refused: the views tell whether the server is there
      later();
    };
  };
  const watch = () => { // a proxy that keeps events back, or a connection that died unnoticed
    if (!events || performance.now() - heard < silence) return;
    events.close();
    events = null;
    refresh().then(listen);
  };

  // ---- what the payer does

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch { // no permission in a frame, no clipboard without TLS
      const area = document.createElement("textarea");
      area.value = text;
      area.readOnly = true;
      area.className = "quiet";
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  };
  for (const button of document.querySelectorAll("[data-copy]")) {
    const words = [...button.childNodes];
    button.hidden = false;
    let undo;
    button.addEventListener("click", async () => {
      const source = at(button.dataset.copy);
      const done = await copy(source.getAttribute("href") ?? source.textContent.replace(/\s/g, ""));
      button.focus({ preventScroll: true });
      if (!done) { window.getSelection().selectAllChildren(source); return; }
      if (button.classList.contains("copy")) button.textContent = data.copied; // an icon stays one
      button.classList.add("done");
      put("said", `${data.copied}: ${button.dataset.name}`);
      clearTimeout(undo);
      undo = setTimeout(() => { button.replaceChildren(...words); button.classList.remove("done"); put("said", ""); }, 2000);
    });
  }
  if (framed) {
    const close = () => {
      if (data.settled === "true") post({ invoiceId: data.id, status: "paid" }); // for shops that keep the last word only
      post("close");
    };
    show("close", true);
    at("close").addEventListener("click", close);
    document.addEventListener("keydown", (e) => { if (e.key === "Escape") close(); });
    post("loaded");
  }
  for (const e of document.querySelectorAll("time")) { // in the payer's own zone
    const zone = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
    e.title = e.textContent;
    e.textContent = zone.format(new Date(e.dateTime));
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || final) return;
    refresh().then(listen); // a sleeping device stops both the clock and the stream
  });

  told = data.status === "new" ? "" : "new"; // a page that opens when it is paid already says "paid", too
  settle({ status: data.status, settled: data.settled === "true" });
  setInterval(() => { tick(); watch(); }, 1000);
  tick();
  listen();
})();
