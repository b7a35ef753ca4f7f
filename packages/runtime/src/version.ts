/** TrakIt's version; a test holds it against package.json, which is not deployed with the functions. */
export const VERSION = "0.1.0";
