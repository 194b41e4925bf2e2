/** The shared library, embedded into the executable: the import is its path. */
declare module "*.so" {
  const path: string;
  export default path;
}
