// The keypad of the point of sale. Without it the page is a form with the phone's own keyboard.
'use strict';

(() => {
  const amount = document.getElementById('amount');
  const keys = document.getElementById('keys');
  if (!amount) return;
  const decimals = Number(amount.dataset.decimals);
  const longest = 14;

  // typed gives the text after a key, or the same where the key makes no amount of it.
  const typed = (text, key) => {
    if (key === 'delete') return text.slice(0, -1);
    const at = text.search(/[.,]/);
    if (text.length >= longest) return text;
    if (key === '.' || key === ',') return at >= 0 || decimals === 0 ? text : (text || '0') + key;
    if (at >= 0 && text.length - at > decimals) return text;
    return text === '0' ? key : text + key;
  };

  const fit = () => amount.classList.toggle('long', amount.value.length > 8);

  keys.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    amount.value = typed(amount.value, button.dataset.key);
    amount.removeAttribute('aria-invalid');
    fit();
  });
  amount.addEventListener('input', fit);
  keys.hidden = false;
  amount.inputMode = 'none'; // the keypad is on the page; a keyboard of its own still types
  fit();

  // A page that comes back from the browser's memory belongs to the last customer.
  window.addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
})();
