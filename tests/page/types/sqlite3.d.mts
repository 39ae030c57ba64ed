/** The vendored SQLite, as far as the page uses it: an object of another project, whose members are not checked here. */
declare const initialise: () => Promise<any>;
export default initialise;
