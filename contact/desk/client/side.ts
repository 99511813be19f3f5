// Side pages: what is live or copied on them. Every page works without this, too.

export {};
