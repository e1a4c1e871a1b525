package main

import (
	"flag"
	"log"
	"net/http"
	"os"
)

func main() {
	check := flag.Bool("check", false, "ask the running service, then end")
	flag.Parse()
	if *check {
		response, err := http.Get("http://127.0.0.1:8000/health")
		if err != nil || response.StatusCode != http.StatusOK {
			os.Exit(1)
		}
		return
	}
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	log.Fatal(http.ListenAndServe(":8000", nil))
}
