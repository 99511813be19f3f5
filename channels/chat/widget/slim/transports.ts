/** No transport by default: `wire.ts` names the two it wants. */

export const transports = {};
