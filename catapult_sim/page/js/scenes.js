// The scenes in their order. A new one is a file in scenes, a line here, and its text in scenes.html.
import { allRuns } from "./scenes/all_runs.js";
import { arch } from "./scenes/arch.js";
import { averagingScene } from "./scenes/averaging.js";
import { batchesScene } from "./scenes/batches.js";
import { labelScene } from "./scenes/label.js";
import { momentumScene } from "./scenes/momentum.js";
import { oneWeight } from "./scenes/one_weight.js";
import { rareScene } from "./scenes/rare.js";
import { realNetwork } from "./scenes/real_network.js";
import { twoWeightsScene } from "./scenes/two_weights.js";
import { widthScene } from "./scenes/width.js";

export const SCENES = [
  oneWeight, twoWeightsScene, arch, widthScene, allRuns, realNetwork,
  labelScene, momentumScene, batchesScene, averagingScene, rareScene,
];
