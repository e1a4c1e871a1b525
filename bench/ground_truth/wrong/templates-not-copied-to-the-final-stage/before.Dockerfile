FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/letters
COPY . .
EXPOSE 8000
CMD ["python", "-m", "letters"]
