/** The widget in Korean. */

import { start } from "./start";
import { ko } from "./words.ko";

start("ko", ko);
