/** The widget in English. */

import { start } from "./start";
import { en } from "./words.en";

start("en", en);
