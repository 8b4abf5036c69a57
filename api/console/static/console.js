// Starts what makes pages quicker to use; without it every page works as it is.
import { offerCopies } from "./copy.js";
import { keepLive } from "./live.js";
import { takeDrops } from "./drop.js";

offerCopies(document);
keepLive();
takeDrops();
