// Preloaded into the program: it then believes it runs on the Node that OLD_NODE names.
const versions = { ...process.versions, node: process.env.OLD_NODE }
Object.defineProperty(process, 'versions', { value: versions })
