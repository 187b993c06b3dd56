// Unpacks what the page carries and starts its modules: each becomes a blob, in the order of their
// imports, and imports are led to the blobs. In a page that is a file a worker may be no blob: it
// and what it imports are addresses of data.
(async () => {
  const carried = JSON.parse(document.getElementById("carried").textContent);
  const unpack = async (name) => {
    const bytes = Uint8Array.from(atob(carried[name]), (letter) => letter.charCodeAt(0));
    const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(plain).arrayBuffer());
  };
  const JAVASCRIPT = { type: "text/javascript" };
  try {
    const urls = {};
    const modules = JSON.parse(new TextDecoder().decode(await unpack("modules")));
    const data = (text) => `data:text/javascript,${encodeURIComponent(text)}`;
    const sources = new Map(modules);
    for (const [name, source] of modules) {
      const inWorker = name === "worker.js";
      const address = (other) => (inWorker ? data(sources.get(other)) : urls[other]);
      const linked = source.replace(/from "\.\/([\w.]+)"/g, (_, other) => `from "${address(other)}"`);
      urls[name] = inWorker ? data(linked) : URL.createObjectURL(new Blob([linked], JAVASCRIPT));
    }
    const { start } = await import(urls["main.js"]);
    await start({ unpack, urls, facts: carried.facts });
  } catch (error) {
    const fault = document.getElementById("fault");
    const old = typeof DecompressionStream === "undefined" || typeof WebAssembly === "undefined";
    fault.textContent = old
      ? "This page needs a browser of 2023 or later (Chrome 91, Firefox 113, Safari 16.4)."
      : `The page could not start: ${error.message}`;
    fault.hidden = false;
    console.error(error);
  }
})();
