name := arch
