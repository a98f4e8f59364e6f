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
  let asked = false;

  // ---- what the page shows

  const apply = (v) => {
    if (v.at < last) return;
    last = v.at;
    end = performance.now() + v.left;
    final = v.final;
    asked = false;
    Object.assign(data, { state: v.state, tone: v.tone, payable: v.payable, settled: v.settled, step: v.step });
    put("title", v.title);
    put("note", v.note);
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
    main.toggleAttribute("data-low", s <= 120);
    if (left > 0 || asked) return;
    asked = true; // nobody should pay any more, even if the server cannot be asked now
    showAll(".pay", false);
    Object.assign(data, { payable: false, tone: "warn", state: "closing" });
    put("title", "The time is up");
    put("note", "Please do not pay any more.");
    setTimeout(refresh, 1000);
  };

  // ---- what follows from being paid

  let told = "", going = false;
  const tell = (status) => {
    if (!framed || told === status) return;
    told = status;
    window.parent.postMessage({ invoiceId: data.id, status }, "*");
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

  const query = () => "&due=" + encodeURIComponent(due);
  const refresh = async () => {
    try {
      const answer = await fetch(data.refresh + query(), { cache: "no-store" });
      if (answer.ok) apply(await answer.json());
    } catch { /* offline; the next try will tell */ }
  };
  const listen = () => {
    if (final || events) return;
    events = new EventSource(data.stream + query());
    events.onmessage = (e) => apply(JSON.parse(e.data));
    events.onerror = () => {
      if (!events || events.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      events = null;
      setTimeout(() => refresh().then(listen), 10000);
    };
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
    let later;
    button.addEventListener("click", async () => {
      const done = await copy(at(button.dataset.copy).textContent.replace(/\s/g, ""));
      button.focus({ preventScroll: true });
      if (!done) { window.getSelection().selectAllChildren(at(button.dataset.copy)); return; }
      button.textContent = "Copied";
      button.classList.add("done");
      put("said", button.dataset.name + " copied");
      clearTimeout(later);
      later = setTimeout(() => { button.replaceChildren(...words); button.classList.remove("done"); put("said", ""); }, 2000);
    });
  }
  if (framed) {
    show("close", true);
    at("close").addEventListener("click", () => window.parent.postMessage("close", "*"));
    window.parent.postMessage("loaded", "*");
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || final) return;
    refresh().then(listen); // a sleeping device stops both the clock and the stream
  });

  told = data.status === "new" ? "" : "new"; // a page that opens when it is paid already says "paid", too
  settle({ status: data.status, settled: data.settled === "true" });
  setInterval(tick, 1000);
  tick();
  listen();
})();
