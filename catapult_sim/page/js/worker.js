// What takes long, beside the page: maps, in bands from top to bottom, the network, and counts of runs.
import { MAPS } from "./map.js";
import { network, trainingStep } from "./network.js";
import { countOn, rate } from "./rare.js";
import { tailExponent } from "./tail.js";

const BAND = 24; // rows between two looks at the messages
const BLOCK = 500; // runs between them
const asked = {}; // the last request of each kind: only that is still wanted

self.onmessage = ({ data }) => {
  asked[data.job] = data.id;
  if (data.job === "network") train(data);
  else if (data.job === "rare") census(data);
  else draw(data, 0);
};

function draw(request, first) {
  if (asked[request.job] !== request.id) return;
  const last = request.whole ? request.high : Math.min(first + BAND, request.high);
  const { phase, curvature } = MAPS[request.job](request, first, last);
  const answer = { job: request.job, id: request.id, first, last, phase, curvature };
  self.postMessage(answer, [phase.buffer, curvature.buffer]);
  if (last < request.high) setTimeout(() => draw(request, last));
}

function train(request) {
  const model = network(request);
  const go = () => {
    if (asked.network !== request.id) return;
    const row = trainingStep(model);
    self.postMessage({ job: "network", id: request.id, row, eta: model.eta });
    if (row.t < request.steps && Number.isFinite(row.loss)) setTimeout(go);
  };
  go();
}

function census({ id, count }) {
  let theta = null;
  const go = () => {
    if (asked.rare !== id) return;
    theta ??= tailExponent(rate(count.c));
    countOn(count, BLOCK);
    self.postMessage({ job: "rare", id, count, tail: theta });
    if (count.counted[0] < count.runs) setTimeout(go);
  };
  setTimeout(go); // messages that wait come first
}
