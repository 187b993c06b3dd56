// Light or dark: what the device says, unless the button says otherwise.

import { find } from "./dom.js";

export function watchTheme() {
  find("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark =
      root.dataset.theme === "dark" ||
      (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.theme = dark ? "light" : "dark";
    document.dispatchEvent(new Event("nncore-theme"));
  });
}
