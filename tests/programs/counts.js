// How many CPUs Node counts. One line of `way=count`.
const os = require("os");
console.log(`own=${os.availableParallelism()} cpus=${os.cpus().length}`);
