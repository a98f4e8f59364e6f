// What a shop's page loads to show an invoice over itself: window.bitpay, as BitPay's plug-ins know it. The server that
// this file came from is the one that is asked, unless setApiUrlPrefix says another. A script tag tells which that is;
// a module, a bundle or eval has none, and goes by what the server wrote into the file.
"use strict";
(() => {
  if (window.bitpay) return;
  const home = "";
  const tag = document.currentScript && /^(.*)\/bitpay(\.min)?\.js([?#].*)?$/.exec(document.currentScript.src);
  let base = tag ? tag[1] : home;
  const nothing = () => {};
  let entering = nothing, leaving = nothing, receiving = nothing;
  let frame = null, shade = null, before = null, visible = false, alive = false;

  const build = () => {
    shade = document.createElement("dialog");
    shade.setAttribute("aria-label", "Bitcoin");
    shade.style.cssText = "position:fixed;inset:0;width:100%;height:100%;max-width:none;max-height:none;margin:0;border:0;padding:0;" +
      "display:none;align-items:center;justify-content:center;background:rgb(0 0 0/60%)";
    shade.addEventListener("cancel", (e) => { e.preventDefault(); hideFrame(); });
    frame = document.createElement("iframe");
    frame.name = "bitpay";
    frame.title = "Bitcoin";
    frame.className = "bitpay";
    frame.allow = "clipboard-write";
    frame.style.cssText = "border:0;width:100%;height:100%;max-width:27rem;max-height:56rem;background:Canvas";
    if (window.innerWidth > 480) frame.style.cssText += ";height:94%;border-radius:1.25rem;box-shadow:0 24px 64px rgb(0 0 0/40%)";
    shade.append(frame);
    document.body.append(shade);
  };
  const showFrame = () => {
    if (!frame || visible) return;
    visible = true;
    before = document.activeElement;
    entering();
    shade.style.display = "flex";
    shade.showModal(); // nothing of the page behind it takes the focus or a click
    frame.focus();
  };
  // A page that does not say that it is there has no button to close it with.
  const offerClose = () => {
    if (!visible || alive) return;
    const button = document.createElement("button");
    button.textContent = "\u00d7";
    button.setAttribute("aria-label", "Close");
    button.style.cssText = "position:fixed;top:12px;right:12px;width:44px;height:44px;border:0;border-radius:50%;font:28px/1 sans-serif";
    button.onclick = hideFrame;
    shade.append(button);
  };
  const hideFrame = () => {
    if (!frame) return;
    if (visible) leaving();
    visible = false;
    shade.close();
    shade.remove();
    frame = shade = null;
    if (before && before.focus) before.focus();
  };
  const showInvoice = (id, params) => {
    if (!base) {
      console.error("bitpay.js does not know its server. Load it from there with a script tag, or call bitpay.setApiUrlPrefix first.");
      return;
    }
    if (frame) shade.remove();
    visible = alive = false;
    build();
    let query = "?id=" + encodeURIComponent(id) + "&view=modal";
    if (params && params.lang) query += "&lang=" + encodeURIComponent(params.lang);
    frame.addEventListener("load", () => { showFrame(); setTimeout(offerClose, 2000); });
    frame.src = base + "/invoice" + query;
  };
  window.addEventListener("message", (e) => {
    if (!frame || e.source !== frame.contentWindow || e.origin !== new URL(base).origin) return;
    receiving(e);
    alive = true;
    if (e.data === "loaded") showFrame();
    if (e.data === "close") hideFrame();
  });
  document.addEventListener("keydown", (e) => { if (visible && e.key === "Escape") hideFrame(); });

  window.bitpay = {
    showInvoice, showFrame, hideFrame,
    onModalWillEnter: (fn) => { entering = fn; },
    onModalWillLeave: (fn) => { leaving = fn; },
    onModalReceiveMessage: (fn) => { receiving = fn; },
    setApiUrlPrefix: (url) => { base = new URL(url, document.baseURI).href.replace(/\/+$/, ""); },
    enableTestMode: nothing,
  };
})();
