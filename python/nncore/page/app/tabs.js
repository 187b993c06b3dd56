// The tabs, by mouse and by keyboard; the address holds which one is open.

import { find } from "./dom.js";

/** `shown(name)` is called with the name of a panel that has become visible; `addresses[name]()` is
 * the address of a panel that has settings. */
export function createTabs(shown, addresses) {
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  const name = (tab) => tab.getAttribute("aria-controls");

  function open(wanted, focus) {
    const tab = tabs.find((each) => name(each) === wanted) ?? tabs[0];
    for (const each of tabs) {
      const chosen = each === tab;
      each.setAttribute("aria-selected", String(chosen));
      each.tabIndex = chosen ? 0 : -1;
      find(name(each)).hidden = !chosen;
    }
    if (focus) tab.focus();
    shown(name(tab));
  }
  const address = () => location.hash.slice(1).split("?")[0];
  const go = (tab, focus) => {
    if (address() !== name(tab)) {
      history.replaceState(null, "", addresses[name(tab)]?.() ?? `#${name(tab)}`);
    }
    open(name(tab), focus);
  };
  for (const tab of tabs) tab.addEventListener("click", () => go(tab));
  tabs[0].parentElement.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const now = tabs.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
    go(tabs[(now + step + tabs.length) % tabs.length], true);
  });
  addEventListener("hashchange", () => open(address()));
  open(address());
  return { open: (wanted) => go(tabs.find((tab) => name(tab) === wanted)) };
}
