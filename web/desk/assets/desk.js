// The desk works without this. It shows times in the browser's zone, copies, keeps forms from being sent twice, and looks
// again when something changed.
"use strict";

const zone = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

function prepare(root) {
  for (const t of root.querySelectorAll("time[datetime]")) {
    const at = new Date(t.dateTime);
    if (!Number.isNaN(at.getTime())) t.textContent = zone.format(at);
  }
  if (navigator.clipboard) for (const b of root.querySelectorAll("[data-copy]")) b.hidden = false;
}

document.addEventListener("click", async (e) => {
  const button = e.target.closest("[data-copy]");
  if (!button) {
    for (const d of document.querySelectorAll(".drop[open]")) if (!d.contains(e.target)) d.open = false;
    return;
  }
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    return;
  }
  button.textContent = "Copied";
  button.classList.add("yes");
  setTimeout(() => { button.textContent = "Copy"; button.classList.remove("yes"); }, 1500);
});

document.addEventListener("submit", (e) => {
  const form = e.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) {
    e.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  setTimeout(() => { for (const b of form.querySelectorAll("button")) b.disabled = true; });
});

addEventListener("pageshow", (e) => {
  if (!e.persisted) return;
  for (const form of document.querySelectorAll("[data-sent]")) {
    delete form.dataset.sent;
    for (const b of form.querySelectorAll("button")) b.disabled = false;
  }
});

// look loads the page again and shows what is new, unless somebody is at a form.
let looking = false;
async function look(main) {
  if (looking || document.hidden || main.contains(document.activeElement) && document.activeElement.closest("form")) {
    main.dataset.stale = "yes";
    return;
  }
  looking = true;
  delete main.dataset.stale;
  try {
    const url = new URL(location.href);
    url.searchParams.delete("done");
    const res = await fetch(url, { redirect: "error", headers: { Accept: "text/html", "Satchel-Background": "yes" } });
    if (!res.ok) return;
    const next = new DOMParser().parseFromString(await res.text(), "text/html");
    const is = next.getElementById("main");
    if (!is || main.contains(document.activeElement) && document.activeElement.closest("form")) return;
    for (const d of main.querySelectorAll("details[data-keep]")) {
      const same = is.querySelector(`details[data-keep="${CSS.escape(d.dataset.keep)}"]`);
      if (same) same.open = d.open;
    }
    prepare(is);
    for (const note of is.querySelectorAll("[data-living]")) note.hidden = false;
    main.replaceChildren(...is.childNodes);
    const menu = document.querySelector(".menu"), fresh = next.querySelector(".menu");
    if (menu && fresh) menu.replaceChildren(...fresh.childNodes);
  } catch {
    // the next change tries again
  } finally {
    looking = false;
  }
}

prepare(document);
const main = document.querySelector("[data-live]");
if (main && "EventSource" in window) {
  let last = "", soon = 0;
  const look1 = () => { clearTimeout(soon); soon = setTimeout(() => look(main), 300); };
  const source = new EventSource(main.dataset.live);
  source.onmessage = (e) => {
    if (last && last !== e.data) look1();
    last = e.data;
    for (const note of document.querySelectorAll("[data-living]")) note.hidden = false;
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden && main.dataset.stale) look1(); });
  document.addEventListener("focusout", () => { if (main.dataset.stale) look1(); });
  setInterval(() => { if (!document.hidden) look1(); }, 30000);
}
