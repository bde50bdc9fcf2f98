# The R part of the bench: Rscript peer.R PART COUNTS.csv OUT [ARGUMENT...]; prints one JSON object.
# Times are of this process, inside R: reading the counts and loading packages are not in them.

given <- commandArgs(trailingOnly = TRUE)
part <- given[1]
out <- given[3]
more <- given[-(1:3)]

read_counts <- function(path) {
  table <- read.csv(path)
  expected <- as.numeric(table$n_product) * table$n_event / table$n_total
  data.frame(N = table$n_pair, E = expected)
}

# The five starting points of openEBGM's vignettes.
starts <- data.frame(
  alpha1 = c(0.2, 0.1, 0.3, 0.5, 0.2), beta1 = c(0.1, 0.1, 0.5, 0.3, 0.2),
  alpha2 = c(2, 10, 6, 12, 5), beta2 = c(4, 10, 6, 12, 5), p = c(1/3, 0.2, 0.5, 0.8, 0.4)
)

quoted <- function(text) paste0("\"", text, "\"")
numbers <- function(values) paste0("[", paste(sprintf("%.17g", values), collapse = ", "), "]")
said <- function(fields) {
  cat("{", paste(quoted(names(fields)), unlist(fields), sep = ": ", collapse = ", "), "}\n", sep = "")
}

taken <- new.env()
clocked <- function(name, work) {
  seconds <- system.time(result <- work)
  taken[[name]] <- c(seconds[["user.self"]] + seconds[["sys.self"]], seconds[["elapsed"]])
  result
}
clocks <- function() {
  found <- list()
  for (name in ls(taken)) {
    found[[paste0(name, "_cpu_seconds")]] <- sprintf("%.17g", taken[[name]][1])
    found[[paste0(name, "_wall_seconds")]] <- sprintf("%.17g", taken[[name]][2])
  }
  found
}

versions <- function() {
  has <- requireNamespace("openEBGM", quietly = TRUE)
  said(list(
    R = quoted(paste(R.version$major, R.version$minor, sep = ".")),
    openEBGM = if (has) quoted(as.character(packageVersion("openEBGM"))) else "null"
  ))
}

# The information component's limit as pvda has it: R's own gamma quantile.
ic <- function(counts) {
  lower <- clocked("ic", log2(qgamma(0.025, counts$N + 0.5, rate = counts$E + 0.5)))
  write.csv(data.frame(ic025 = sprintf("%.17g", lower)), out, row.names = FALSE, quote = FALSE)
  said(clocks())
}

# What openEBGM minimises, zeroes left out, evaluated so many times.
loop <- function(counts, n_times) {
  one <- function(theta) {
    prob1 <- theta[2] / (theta[2] + counts$E)
    prob2 <- theta[4] / (theta[4] + counts$E)
    f1 <- dnbinom(counts$N, size = theta[1], prob = prob1)
    f2 <- dnbinom(counts$N, size = theta[3], prob = prob2)
    f1 <- f1 / (1 - pnbinom(0, size = theta[1], prob = prob1))
    f2 <- f2 / (1 - pnbinom(0, size = theta[3], prob = prob2))
    sum(-log(theta[5] * f1 + (1 - theta[5]) * f2))
  }
  at <- unlist(starts[1, ])
  value <- one(at)
  clocked("loop", for (time in seq_len(n_times)) one(at * (1 + time * 1e-6)))
  said(c(clocks(), list(n_times = n_times, value = sprintf("%.17g", value))))
}

fitted_to <- function(points, squashed) {
  found <- suppressWarnings(openEBGM::autoHyper(
    points, theta_init = starts, squashed = squashed, zeroes = FALSE, max_pts = 1e7
  ))
  if (found$method != "nlminb") message("by ", found$method)
  found
}

full <- function(counts) {
  found <- clocked("fit", fitted_to(counts, FALSE))
  said(c(clocks(), list(theta = numbers(found$estimates), method = quoted(found$method))))
}

squashed <- function(counts) {
  points <- clocked("squash", openEBGM::autoSquash(counts))
  found <- clocked("fit", fitted_to(points, TRUE))
  clocked("score", scored(found$estimates, counts, 2))
  said(c(clocks(), list(
    theta = numbers(found$estimates), method = quoted(found$method), n_points = nrow(points)
  )))
}

scored <- function(theta, counts, digits) {
  qn <- openEBGM::Qn(theta, N = counts$N, E = counts$E)
  limits <- lapply(c(5, 95), function(percent) {
    openEBGM::quantBisect(percent, theta, counts$N, counts$E, qn, digits = digits, max_iter = 5000)
  })
  list(
    ebgm = openEBGM::ebgm(theta, counts$N, counts$E, qn, digits = 2 * digits),
    eb05 = limits[[1]], eb95 = limits[[2]]
  )
}

# To the two digits that openEBGM gives, and to six; the second is for the comparison.
scores <- function(counts, theta) {
  names(theta) <- c("alpha1", "beta1", "alpha2", "beta2", "P")
  scored(theta, head(counts, 100), 2) # R compiles what it runs for the second time
  scored(theta, head(counts, 100), 2)
  clocked("two_digits", scored(theta, counts, 2))
  found <- clocked("six_digits", scored(theta, counts, 6))
  write.csv(lapply(found, sprintf, fmt = "%.17g"), out, row.names = FALSE, quote = FALSE)
  said(clocks())
}

if (requireNamespace("data.table", quietly = TRUE)) data.table::setDTthreads(1)
switch(part,
  versions = versions(),
  ic = ic(read_counts(given[2])),
  loop = loop(read_counts(given[2]), as.integer(more[1])),
  full = full(read_counts(given[2])),
  squashed = squashed(read_counts(given[2])),
  scores = scores(read_counts(given[2]), as.numeric(more)),
  stop("no such part: ", part)
)
