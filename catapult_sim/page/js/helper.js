// The worker of the page, made from the text of scripts in it: there is no file to load.

export const LASTING = 160; // milliseconds of rest after which a fine map is drawn

const listeners = {};
let running = null;

function start() {
  const sources = [...document.querySelectorAll("script.worker")].map((one) => one.textContent);
  running = new Worker(URL.createObjectURL(new Blob(sources, { type: "text/javascript" })));
  running.onmessage = ({ data }) => listeners[data.job]?.(data);
}

export const worker = {
  /** Call a function with every answer to one kind of job. */
  listen(job, call) {
    listeners[job] = call;
  },
  send(message) {
    if (!running) start();
    running.postMessage(message);
  },
};
