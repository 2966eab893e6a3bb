// What the server allows: what it says in its list of models, and until then what every server does.

/** The longest side that can be asked for, in pixels, and the largest ratio of `upscale`. */
export const limits = { side: 2048, upscale: 4 };

/** The server's own. */
export const learn = (told = {}) => Object.assign(limits, told);
